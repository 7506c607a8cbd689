"""Lesson 09, slim and fold: its exercises and their mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from .inputs import of_layer, readable
from .normalizing import IN_ROOT


def slimming_gradient(gamma, beta, dgamma, dbeta, strength):
    slope = np.sign(gamma)
    pull = strength * slope
    new_dgamma = dgamma + pull
    new_dbeta = dbeta
    return new_dgamma, new_dbeta


IN_PULL = """
    l2_pull: the pull is proportional to γ: that is an L2 penalty
        slope = gamma
        | γ²/2 has the slope γ, which dies out near 0. |γ| has the slope ±1, which pulls all the way.

    l2_pull_doubled: the pull is 2γ: that is the slope of γ²
        slope = 2 * gamma
        | The penalty is |γ|, not γ². Its slope is ±1, however large γ is.

    whole_penalty_added: the whole penalty is added to each gradient
        slope = np.abs(gamma).sum()
        | strength·Σ|γ| is a number that belongs in the loss. Its derivative by one γ is ±strength.

    pull_averaged: the pull is divided by the number of channels
        pull = strength * slope / len(gamma)
        | The penalty is a sum over the channels, and each γ stands in it once.

    beta_without_gradient: β has lost its gradient
        new_dbeta = 0 * dbeta
        | The penalty adds nothing for β. The gradient of the loss is still there.

    beta_pulled_too: β is pulled to 0 too
        new_dbeta = dbeta + strength * np.sign(beta)
        | The penalty has γ alone in it. With γ = 0 a channel is a constant, whatever β is.
"""


def parameters_with_gradients(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A layer to read; then random ones, with γ, β and gradients of both signs, in all combinations."""

    def random(c: int, strength: float) -> dict[str, Any]:
        signs = rng.permutation(np.resize([1, -1], c))
        layer = {"gamma": signs * rng.uniform(0.2, 2, size=c), "beta": -signs * rng.uniform(0.2, 2, size=c)}
        dgamma = np.roll(signs, 1) * rng.uniform(0.1, 1, size=c)
        return {**layer, "dgamma": dgamma, "dbeta": rng.normal(size=c), "strength": strength}

    read = {"gamma": np.array([2.0, -0.5, 0.25]), "beta": np.array([1.0, -3.0, 0.5])}
    read |= {"dgamma": np.array([0.3, 0.1, -0.2]), "dbeta": np.array([0.5, -1.0, 2.0]), "strength": 0.1}
    return [read, random(4, 0.5), random(7, 0.2), random(5, 1.5)]


def cut_channels(w_1, gamma, beta, mean, var, w_2, b_2, threshold):
    size = np.abs(gamma)
    stays = size > threshold
    new_w_1 = w_1[stays]
    new_gamma = gamma[stays]
    new_beta = beta[stays]
    new_mean = mean[stays]
    new_var = var[stays]
    new_w_2 = w_2[:, stays]
    gone = ~stays
    said = np.maximum(beta, 0)
    new_b_2 = b_2 + w_2[:, gone] @ said[gone]
    return new_w_1, new_gamma, new_beta, new_mean, new_var, new_w_2, new_b_2


IN_CUT = """
    cut_by_weights: the threshold is held against the weights
        size = np.abs(w_1).sum(axis=1)
        | Before BN the size of the weights says nothing: BN divides it out. γ is what is left.

    threshold_times_largest: the threshold is taken as a share of the largest |γ|
        stays = size > threshold * size.max()
        | Here threshold is a value of |γ| itself. Nothing is multiplied with it.

    first_layer_by_columns: the first layer loses columns, not rows
        new_w_1 = w_1[:, stays]
        | The rows of a weight are outputs, its columns inputs. The cut channels are outputs of w_1.

    next_layer_by_rows: the next layer loses rows, not columns
        new_w_2 = w_2[stays]
        | The rows of a weight are outputs, its columns inputs. The cut channels are inputs of w_2.

    masked_not_cut: the channels are set to 0, not cut
        new_w_1 = w_1 * stays[:, None]
        new_gamma = gamma * stays
        new_beta = beta * stays
        new_mean = mean * stays
        new_var = var * stays
        new_w_2 = w_2 * stays
        | A mask gives the same answers, but the tensors are as large as before, and so is the work.

    > 09_slim_and_fold: What does a channel with γ = 0 say?

    constant_forgotten: what the cut channels said is forgotten
        new_b_2 = b_2
        | With γ = 0 a channel still says max(β, 0), the same to every sample. The next layer counted on it.

    constant_of_all: the constants of all channels are added
        new_b_2 = b_2 + w_2 @ said
        | The channels that stay still speak for themselves. Only what the cut ones said is missing.

    constant_not_weighted: the constants do not go through the weights of the next layer
        new_b_2 = b_2 + said[gone].sum()
        | Each output weighs each input. The bias of an output gets the constants with its weights.

    relu_behind_the_sum: the ReLU comes behind the weights of the next layer
        new_b_2 = b_2 + np.maximum(w_2[:, gone] @ beta[gone], 0)
        | The order of the network is BN, ReLU, weights. The ReLU meets β; the weighted sum may be below 0.
"""


def networks(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A network to read; then random ones. Of their γ one is just above the threshold, one is the threshold
    itself, one is 0. One of the channels that stay has small weights, and something to say."""

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
        stay = np.where(np.arange(hidden - cut) == 2, rng.uniform(0.5, 2), rng.normal(size=hidden - cut))
        gamma = np.where(np.arange(hidden) < hidden - cut, large, small)
        order = rng.permutation(hidden)
        first = {"w_1": w_1[order], "gamma": gamma[order], "beta": np.concatenate([stay, beta])[order]}
        running = {"mean": rng.normal(2, 1, size=hidden), "var": rng.uniform(1, 3, size=hidden)}
        second = {"w_2": rng.normal(size=(outputs, hidden)), "b_2": rng.normal(size=outputs)}
        return {**first, **running, **second, "threshold": 0.5}

    first = {"w_1": np.arange(1.0, 9).reshape(4, 2), "gamma": np.array([1.5, 0.0, -2.0, 0.1])}
    running = {"mean": np.array([0.5, 1.5, 2.5, 3.5]), "var": np.array([1.0, 2.0, 3.0, 4.0])}
    w_2 = np.array([[1.0, 10, 3, 4], [5, 20, 7, 8]])
    read = {**first, "beta": np.array([1.0, 2.0, 3.0, -4.0]), **running, "w_2": w_2}
    read |= {"b_2": np.array([0.5, -0.5]), "threshold": 0.2}
    return [read, random(4, 7, 5, 3), random(6, 6, 6, 2), random(3, 9, 4, 5)]


def fold_into_next(gamma, beta, running_mean, running_var, eps, weight, bias):
    var = running_var
    inv_std = 1 / np.sqrt(var + eps)
    scale = gamma * inv_std
    shift = beta - running_mean * scale
    new_weight = weight * scale
    weighed = weight @ shift
    new_bias = bias + weighed
    return new_weight, new_bias


IN_FOLD = """
    bias_of_the_layer_before: the bias is that of the fold into the layer *before* BN
        new_bias = scale * (bias - running_mean) + beta
        | Here BN comes first: the layer weighs BN's shift, and adds its own bias after it.

    next_rows_scaled: the factor meets the rows of the weight
        new_weight = weight * scale[:, None]
        | BN stands before the layer, so its channels are what the layer takes: the columns.

    next_weight_summed: the new weight is weight @ scale: a matrix product, which sums
        new_weight = weight @ scale
        | Each column gets its factor, and nothing is added up: the new weight has the shape of the old one.

    next_shift_not_weighted: the shift does not go through the weight
        weighed = shift
        | The shift is added to the inputs of the layer. The layer weighs them, and so the shift.

    next_shift_from_the_left: the shift stands on the left of the weight: shift @ weight
        weighed = shift @ weight
        | A bias has one number for each output: a sum along each row of the weight.

    next_shift_not_summed: the weight is multiplied with the shift, but nothing is summed up
        weighed = weight * shift
        | Each output adds up what all its inputs give: a sum along each row of the weight.
"""


def linear_layers(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A layer to read; then random ones; one has as many outputs as inputs, one hardly varies."""

    def random(outputs: int, inputs: int, eps: float, scale: float = 1.0) -> dict[str, Any]:
        linear = {"weight": rng.normal(1, 1, size=(outputs, inputs)), "bias": rng.normal(1, 1, size=outputs)}
        return {**of_layer(rng, inputs, scale), "eps": eps, **linear}

    read = readable(random(3, 2, 0.5))
    return [read, random(5, 3, 0.2), random(3, 4, 0.01, 1e-5), random(4, 4, 1e-5)]


EXERCISES = [
    Check(
        slimming_gradient,
        parameters_with_gradients,
        hints=(
            "Draw |γ|. How steep is it at γ = 2, at γ = 0.1, at γ = −3?",
            "The slope of a sum is the sum of the slopes: the gradient of the loss, plus the gradient of the "
            "penalty.",
            "`np.sign(gamma)` is 1 or −1. There is no β in the penalty.",
        ),
        lesson=("09_slim_and_fold", "How γ becomes small"),
        mistakes=(IN_PULL,),
    ),
    Check(
        cut_channels,
        networks,
        hints=(
            "Where does a channel live? Look for every array with a 4 in its shape, and say which of its "
            "axes is the channel's.",
            "With `stays` true for the channels that stay: `w_1[stays]` takes rows, `w_2[:, stays]` takes "
            "columns. And a channel with γ = 0 is not silent. What does BN say for it, and what does ReLU "
            "make of this?",
            "A cut channel said the same to every sample: max(β, 0). The next layer weighed it with a column "
            "of w_2. Which array of that layer adds the same to every sample?",
        ),
        lesson=("09_slim_and_fold", "Cut for real"),
        mistakes=(IN_CUT,),
    ),
    Check(
        fold_into_next,
        linear_layers,
        hints=(
            "In evaluation BN is s · x + t, with numbers s and t for each channel. What are they?",
            "W (s · x + t) + b: multiply out. What stands before x, and what stands alone?",
            "`scale = gamma / np.sqrt(running_var + eps)` multiplies columns. `shift = beta - running_mean * "
            "scale` goes through the old weight into the bias.",
        ),
        lesson=("09_slim_and_fold", "Fold"),
        mistakes=(IN_FOLD, IN_ROOT),
    ),
]
