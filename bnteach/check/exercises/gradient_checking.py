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
from .gradient_inputs import Tried

WHOLE = Recipe({**NORMALIZING, **COMPACT}, returns=("dx", "dgamma", "dbeta"))

# What is wrong, in words -> the steps that are wrong.
WRONG: dict[str, dict[str, Callable]] = {
    "dx is 2 % too long": {"factor": lambda inv_std: 1.02 * inv_std},
    "dx is a thousand times too long": {"factor": lambda inv_std: 1000 * inv_std},
    "the path through the mean is missing": {"along_mean": lambda dx_hat: 0 * dx_hat},
    "the path through the variance is missing": {"along_x_hat": lambda dx_hat: 0 * dx_hat},
    "the path through the variance has the wrong sign": {
        "along_x_hat": lambda dx_hat, x_hat: -x_hat * (dx_hat * x_hat).mean(axis=0)
    },
    "γ is forgotten in dx": {"dx_hat": lambda dy: dy},
    "dx is divided by σ² in place of σ": {"factor": lambda inv_std: inv_std**2},
    "dγ is a mean": {"dgamma": lambda dy, x_hat: (dy * x_hat).mean(axis=0)},
    "dγ is made without x̂": {"dgamma": lambda dy: dy.sum(axis=0)},
    "dβ is a mean": {"dbeta": lambda dy: dy.mean(axis=0)},
}
SLIGHT, HUGE = list(WRONG)[:2]
RIGHT = ("a right one", "another right one")


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
    """1 where the learner's gradient check accepts a backward pass, 0 where it refuses it; and what it tries.

    Where what it tries decides already (two samples, a step that drowns in rounding, a tolerance that sees
    nothing), the rest would depend on chance, and is left out.
    """

    def trial(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        eps = inputs["eps"]
        tried = Tried(forward_with(eps))
        first = accepts(answer, tried.forward, tried.watching(backward_by(WHOLE, eps)))
        yield "a right one", first
        yield from tried.facts(accepted=first).items()
        if tried.is_hopeless(accepted=first):
            return
        passes = {name: backward_by(WHOLE.replace(steps), eps) for name, steps in WRONG.items()}
        found = {name: accepts(answer, tried.forward, passes[name]) for name in (SLIGHT, HUGE)}
        yield "the_tolerance_is_fit", int(found[SLIGHT] <= found[HUGE])
        yield from found.items()
        if found[SLIGHT] > found[HUGE]:
            return
        for name in [name for name in passes if name not in found]:
            yield name, accepts(answer, tried.forward, passes[name])
        yield "another right one", accepts(answer, tried.forward, in_one_formula(eps))

    return trial


def accepts(answer: Any, forward: Callable, backward: Callable) -> int:
    verdict = answer(forward, backward)
    if not isinstance(verdict, (bool, np.bool_)):
        raise OddAnswer(f"Your function returns {described(verdict)}, expected True or False.")
    return int(verdict)


# A gradient check in steps; what a learner decides are shape, parameters, upstream gradient and tolerance.
STEPS = {
    "shape": lambda: (6, 3),
    "x": lambda shape: np.random.default_rng(7).normal(3, 2, shape),
    "gamma": lambda shape: np.linspace(0.5, 2, shape[1]),
    "beta": lambda shape: np.linspace(-1, 1, shape[1]),
    "dy": lambda shape: np.random.default_rng(8).normal(size=shape),
    "compared": lambda: ("dx", "dgamma", "dbeta"),
    "tolerance": lambda: 1e-6,
    "h": lambda: 1e-5,
    "part_of_dx": lambda: lambda dx: dx,
    "gradient_check": lambda x, gamma, beta, dy, compared, tolerance, h, part_of_dx: by_differences(
        {"dx": x, "dgamma": gamma, "dbeta": beta}, dy, compared, tolerance, h, part_of_dx
    ),
}


def by_differences(
    arrays: dict[str, np.ndarray], dy, compared, tolerance, h, part_of_dx
) -> Callable[..., bool]:
    """A gradient check: does each compared gradient agree with finite differences, beside the size of dy?"""

    @cache  # many backward passes are tried on one forward pass, and measuring is slow
    def measured_on(forward: Callable, name: str) -> np.ndarray:
        return measured(forward, arrays, name, dy, h)

    def gradient_check(forward: Callable, backward: Callable) -> bool:
        gradients = dict(zip(arrays, backward(dy, arrays["dx"], arrays["dgamma"]), strict=True))
        parts = {name: part_of_dx if name == "dx" else lambda whole: whole for name in compared}
        return all(
            bool(np.abs(part(gradients[name]) - part(measured_on(forward, name))).max() <= tolerance)
            for name, part in parts.items()
        )

    return gradient_check


def measured(
    forward: Callable, arrays: dict[str, np.ndarray], name: str, dy: np.ndarray, h: float
) -> np.ndarray:
    """The gradient of Σ y·dy with respect to one of the arrays, by central differences."""
    result = np.zeros_like(arrays[name])
    for index in np.ndindex(result.shape):
        step = np.zeros_like(result)
        step[index] = h
        up, down = (forward(*{**arrays, name: arrays[name] + s}.values()) for s in (step, -step))
        result[index] = ((up - down) * dy).sum() / (2 * h)
    return result
