"""Checks of the exercises of lesson 09."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from ..recipe import Recipe
from .forward_steps import NORMALIZING


def parameters_with_gradients(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A layer to read; then random ones, with γ, β and gradients of both signs, in all combinations."""

    def random(c: int, strength: float) -> dict[str, Any]:
        signs = rng.permutation(np.resize([1, -1], c))
        return {
            "gamma": signs * rng.uniform(0.2, 2, size=c),
            "beta": -signs * rng.uniform(0.2, 2, size=c),
            "dgamma": np.roll(signs, 1) * rng.uniform(0.1, 1, size=c),
            "dbeta": rng.normal(size=c),
            "strength": strength,
        }

    read = {
        "gamma": np.array([2.0, -0.5, 0.25]),
        "beta": np.array([1.0, -3.0, 0.5]),
        "dgamma": np.array([0.3, 0.1, -0.2]),
        "dbeta": np.array([0.5, -1.0, 2.0]),
        "strength": 0.1,
    }
    return [read, random(4, 0.5), random(7, 0.2), random(5, 1.5)]


slimming_gradient = Check(
    name="slimming_gradient",
    takes=("gamma", "beta", "dgamma", "dbeta", "strength"),
    recipe=Recipe(
        {
            "pull": lambda gamma, strength: strength * np.sign(gamma),
            "new_dgamma": lambda dgamma, pull: dgamma + pull,
            "new_dbeta": lambda dbeta: dbeta,
        },
        returns=("new_dgamma", "new_dbeta"),
    ),
    probes=parameters_with_gradients,
    hints=(
        "Draw |γ|. How steep is it at γ = 2, at γ = 0.1, at γ = −3?",
        "The slope of a sum is the sum of the slopes: the gradient of the loss, plus the gradient of "
        "the penalty.",
        "`np.sign(gamma)` is 1 or −1. There is no β in the penalty.",
    ),
    lesson=("09_slim_and_fold", "How γ becomes small"),
)


def networks(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A network to read; then random ones, of unequal sizes and of equal ones. Their γ: large ones of both
    signs, one of them just above the threshold; among the others one is 0 and one is the threshold itself.
    One of the channels that stay has small weights, and something to say."""

    def random(inputs: int, hidden: int, outputs: int, cut: int) -> dict[str, Any]:
        large = rng.choice([-1, 1], hidden) * rng.uniform(0.8, 2, hidden)
        large[:2] = rng.uniform(0.505, 0.52), -rng.uniform(2.2, 2.6)
        large[2] *= 1.4 / abs(large[2])
        small = rng.uniform(-0.2, 0.2, hidden)
        small[-2:] = 0, rng.choice([-0.5, 0.5])
        w_1 = rng.normal(size=(hidden, inputs))
        size = np.where(np.arange(hidden) == 2, 0.3, rng.uniform(2, 4, hidden))
        w_1 *= (size / abs(w_1).sum(axis=1))[:, None]
        beta = rng.permutation(np.resize([1, -1], cut)) * rng.uniform(0.5, 2, cut)
        stay = rng.normal(size=hidden - cut)
        stay[2] = rng.uniform(0.5, 2)
        order = rng.permutation(hidden)
        return {
            "w_1": w_1[order],
            "gamma": np.where(np.arange(hidden) < hidden - cut, large, small)[order],
            "beta": np.concatenate([stay, beta])[order],
            "mean": rng.normal(2, 1, size=hidden),
            "var": rng.uniform(1, 3, size=hidden),
            "w_2": rng.normal(size=(outputs, hidden)),
            "b_2": rng.normal(size=outputs),
            "threshold": 0.5,
        }

    read = {
        "w_1": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]),
        "gamma": np.array([1.5, 0.0, -2.0, 0.1]),
        "beta": np.array([1.0, 2.0, 3.0, -4.0]),
        "mean": np.array([0.5, 1.5, 2.5, 3.5]),
        "var": np.array([1.0, 2.0, 3.0, 4.0]),
        "w_2": np.array([[1.0, 10.0, 3.0, 4.0], [5.0, 20.0, 7.0, 8.0]]),
        "b_2": np.array([0.5, -0.5]),
        "threshold": 0.2,
    }
    return [read, random(4, 7, 5, 3), random(6, 6, 6, 2), random(3, 9, 4, 5)]


CUT = {
    "size": lambda gamma: np.abs(gamma),
    "limit": lambda threshold: threshold,
    "stays": lambda size, limit: size > limit,
    "new_w_1": lambda w_1, stays: w_1[stays],
    "new_gamma": lambda gamma, stays: gamma[stays],
    "new_beta": lambda beta, stays: beta[stays],
    "new_mean": lambda mean, stays: mean[stays],
    "new_var": lambda var, stays: var[stays],
    "new_w_2": lambda w_2, stays: w_2[:, stays],
    "said": lambda beta: np.maximum(beta, 0),
    "constant": lambda w_2, said, stays: w_2[:, ~stays] @ said[~stays],
    "new_b_2": lambda b_2, constant: b_2 + constant,
}

cut_channels = Check(
    name="cut_channels",
    takes=("w_1", "gamma", "beta", "mean", "var", "w_2", "b_2", "threshold"),
    recipe=Recipe(
        CUT, returns=("new_w_1", "new_gamma", "new_beta", "new_mean", "new_var", "new_w_2", "new_b_2")
    ),
    probes=networks,
    hints=(
        "Where does a channel live? Look for every array with a 4 in its shape, and say which of its "
        "axes is the channel's.",
        "With `stays` true for the channels that stay: `w_1[stays]` takes rows, `w_2[:, stays]` takes "
        "columns. And a channel with γ = 0 is not silent. What does BN say for it, and what does ReLU make "
        "of this?",
        "A cut channel said the same to every sample: max(β, 0). The next layer weighed it with a column of "
        "w_2. Which array of that layer adds the same to every sample?",
    ),
    lesson=("09_slim_and_fold", "Cut for real"),
)


def linear_layers(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A layer to read; then random ones; one has as many outputs as inputs, one hardly varies."""

    def random(outputs: int, inputs: int, eps: float, scale: float = 1.0) -> dict[str, Any]:
        return {
            "gamma": rng.uniform(1.5, 3, size=inputs),
            "beta": rng.uniform(1, 2, size=inputs),
            "running_mean": rng.normal(2, 1, size=inputs),
            "running_var": scale * rng.uniform(2, 4, size=inputs),
            "eps": eps,
            "weight": rng.normal(1, 1, size=(outputs, inputs)),
            "bias": rng.normal(1, 1, size=outputs),
        }

    read = {
        "gamma": np.array([2.0, 3.0]),
        "beta": np.array([0.5, -4.0]),
        "running_mean": np.array([3.0, 1.0]),
        "running_var": np.array([3.5, 8.5]),
        "eps": 0.5,
        "weight": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        "bias": np.array([1.0, -1.0, 0.0]),
    }
    return [read, random(5, 3, 0.2), random(3, 4, 0.01, 1e-5), random(4, 4, 1e-5)]


fold_into_next = Check(
    name="fold_into_next",
    takes=("gamma", "beta", "running_mean", "running_var", "eps", "weight", "bias"),
    recipe=Recipe(
        {
            "var": lambda running_var: running_var,
            "inv_std": NORMALIZING["inv_std"],
            "scale": lambda gamma, inv_std: gamma * inv_std,
            "shift": lambda beta, running_mean, scale: beta - running_mean * scale,
            "new_weight": lambda weight, scale: weight * scale,
            "weighed": lambda weight, shift: weight @ shift,
            "new_bias": lambda bias, weighed: bias + weighed,
        },
        returns=("new_weight", "new_bias"),
    ),
    probes=linear_layers,
    hints=(
        "In evaluation BN is s · x + t, with numbers s and t for each channel. What are they?",
        "W (s · x + t) + b: multiply out. What stands before x, and what stands alone?",
        "`scale = gamma / np.sqrt(running_var + eps)` multiplies columns. `shift = beta - "
        "running_mean * scale` goes through the old weight into the bias.",
    ),
    lesson=("09_slim_and_fold", "Fold"),
)

EXERCISES = [slimming_gradient, cut_channels, fold_into_next]
