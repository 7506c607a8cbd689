"""Right and wrong backward passes, to try a learner's gradient check on; and a gradient check in steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np

from ..answers import OddAnswer, described
from ..checking import Check
from ..recipe import Recipe
from ..running import Trial
from .backward_steps import COMPACT
from .forward_steps import NORMALIZING

WHOLE = Recipe({**NORMALIZING, **COMPACT}, returns=("dx", "dgamma", "dbeta"))

# Name -> the steps that are wrong.
WRONG: dict[str, dict[str, Callable]] = {
    "mean_path_missing": {"along_mean": lambda dx_hat: 0 * dx_hat},
    "variance_path_missing": {"along_x_hat": lambda dx_hat: 0 * dx_hat},
    "variance_path_sign": {"along_x_hat": lambda dx_hat, x_hat: -x_hat * (dx_hat * x_hat).mean(axis=0)},
    "gamma_forgotten": {"dx_hat": lambda dy: dy},
    "inv_std_squared": {"factor": lambda inv_std: inv_std**2},
    "dgamma_mean": {"dgamma": lambda dy, x_hat: (dy * x_hat).mean(axis=0)},
    "dgamma_without_x_hat": {"dgamma": lambda dy: dy.sum(axis=0)},
    "dbeta_mean": {"dbeta": lambda dy: dy.mean(axis=0)},
    "dx_slightly_off": {"factor": lambda inv_std: 1.02 * inv_std},
}


RECIPES = {
    "accepts_a_right_one": WHOLE,
    **{f"accepts_{name}": WHOLE.replace(steps) for name, steps in WRONG.items()},
}
CANDIDATES = (*RECIPES, "accepts_another_right_one")


def forward_with(eps: float) -> Callable[..., np.ndarray]:
    def forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
        return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps) + beta

    return forward


def backward_by(recipe: Recipe, eps: float) -> Callable[..., tuple]:
    def backward(dy: np.ndarray, x: np.ndarray, gamma: np.ndarray) -> tuple:
        found = recipe.values({"dy": dy, "x": x, "gamma": gamma, "eps": eps}, recipe.returns)
        return tuple(found[name] for name in recipe.returns)

    return backward


def in_one_formula(eps: float) -> Callable[..., tuple]:
    """Another right backward pass, written in another way."""

    def backward(dy: np.ndarray, x: np.ndarray, gamma: np.ndarray) -> tuple:
        n, std = len(x), np.sqrt(x.var(axis=0) + eps)
        x_hat = (x - x.mean(axis=0)) / std
        dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
        return gamma / (n * std) * (n * dy - dbeta - x_hat * dgamma), dgamma, dbeta

    return backward


def try_out(check: Check) -> Trial:
    """1 where the learner's gradient check accepts a backward pass, 0 where it refuses it."""

    def trial(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        eps = inputs["eps"]
        forward = forward_with(eps)
        passes = {name: backward_by(recipe, eps) for name, recipe in RECIPES.items()}
        for name, backward in {**passes, "accepts_another_right_one": in_one_formula(eps)}.items():
            verdict = answer(forward, backward)
            if not isinstance(verdict, (bool, np.bool_)):
                raise OddAnswer(f"Your function returns {described(verdict)}, expected True or False.")
            yield name, int(verdict)

    return trial


# A gradient check in steps; what a learner decides are shape, parameters, upstream gradient and tolerance.
STEPS = {
    "shape": lambda: (6, 3),
    "x": lambda shape: np.random.default_rng(7).normal(3, 2, shape),
    "gamma": lambda shape: np.linspace(0.5, 2, shape[1]),
    "beta": lambda shape: np.linspace(-1, 1, shape[1]),
    "dy": lambda shape: np.random.default_rng(8).normal(size=shape),
    "compared": lambda: ("dx", "dgamma", "dbeta"),
    "tolerance": lambda: 1e-6,
    "gradient_check": lambda x, gamma, beta, dy, compared, tolerance: by_differences(
        {"dx": x, "dgamma": gamma, "dbeta": beta}, dy, compared, tolerance
    ),
}


def by_differences(arrays: dict[str, np.ndarray], dy, compared, tolerance) -> Callable[..., bool]:
    """A gradient check: does each compared gradient agree with finite differences, beside the size of dy?"""

    @cache  # many backward passes are tried on one forward pass, and measuring is slow
    def measured_on(forward: Callable, name: str) -> np.ndarray:
        return measured(forward, arrays, name, dy)

    def gradient_check(forward: Callable, backward: Callable) -> bool:
        gradients = dict(zip(arrays, backward(dy, arrays["dx"], arrays["dgamma"]), strict=True))
        return all(
            bool(np.abs(gradients[name] - measured_on(forward, name)).max() <= tolerance) for name in compared
        )

    return gradient_check


def measured(forward: Callable, arrays: dict[str, np.ndarray], name: str, dy: np.ndarray) -> np.ndarray:
    """The gradient of Σ y·dy with respect to one of the arrays, by central differences."""
    h, result = 1e-5, np.zeros_like(arrays[name])
    for index in np.ndindex(result.shape):
        step = np.zeros_like(result)
        step[index] = h
        up, down = (forward(*{**arrays, name: arrays[name] + s}.values()) for s in (step, -step))
        result[index] = ((up - down) * dy).sum() / (2 * h)
    return result
