"""Lesson 04's third exercise: right and wrong backward passes, to try a learner's gradient check on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np

from ..answers import OddAnswer, described
from ..recipe import Recipe
from ..running import Observed
from .gradient_inputs import NEEDED, Tried

# What is wrong, in words -> which of dx, dgamma, dbeta is wrong, and how.
WRONG: dict[str, tuple[str, Callable[..., np.ndarray]]] = {
    "dx is 2 % too long": ("dx", lambda v: 1.02 * v.dx),
    "dx is a thousand times too long": ("dx", lambda v: 1000 * v.dx),
    "the path through the mean is missing": ("dx", lambda v: v.inv_std * (v.dx_hat - v.along_x_hat)),
    "the path through the variance is missing": ("dx", lambda v: v.inv_std * (v.dx_hat - v.along_mean)),
    "the path through the variance has the wrong sign": (
        "dx",
        lambda v: v.dx + 2 * v.inv_std * v.along_x_hat,
    ),
    "γ is forgotten in dx": ("dx", lambda v: v.dx / v.gamma),
    "dx is divided by σ² in place of σ": ("dx", lambda v: v.inv_std * v.dx),
    "dγ is a mean": ("dgamma", lambda v: v.dgamma / v.n),
    "dγ is made without x̂": ("dgamma", lambda v: v.dbeta),
    "dβ is a mean": ("dbeta", lambda v: v.dbeta / v.n),
}
SLIGHT, HUGE = list(WRONG)[:2]
RIGHT = ("a right one", "another right one")


def forward_with(eps: float) -> Callable[..., np.ndarray]:
    def forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
        return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps) + beta

    return forward


class Backward:
    """The right backward pass, value by value."""

    def __init__(self, dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, eps: float) -> None:
        self.n, self.gamma = len(x), gamma
        self.inv_std = 1 / np.sqrt(x.var(axis=0) + eps)
        x_hat = (x - x.mean(axis=0)) * self.inv_std
        self.dx_hat = dy * gamma
        self.along_mean = self.dx_hat.mean(axis=0)
        self.along_x_hat = x_hat * (self.dx_hat * x_hat).mean(axis=0)
        self.dx = self.inv_std * (self.dx_hat - self.along_mean - self.along_x_hat)
        self.dgamma, self.dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)


def backward_with(eps: float, wrong: str = "") -> Callable[..., tuple]:
    """A backward pass, right but for what `wrong` names."""

    def backward(dy: np.ndarray, x: np.ndarray, gamma: np.ndarray) -> tuple:
        values = Backward(dy, x, gamma, eps)
        if wrong:
            name, change = WRONG[wrong]
            setattr(values, name, change(values))
        return values.dx, values.dgamma, values.dbeta

    return backward


def in_one_formula(eps: float) -> Callable[..., tuple]:
    """Another right backward pass, written in another way."""

    def backward(dy: np.ndarray, x: np.ndarray, gamma: np.ndarray) -> tuple:
        n, std = len(x), np.sqrt(x.var(axis=0) + eps)
        x_hat = (x - x.mean(axis=0)) / std
        dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
        return gamma / (n * std) * (n * dy - dbeta - x_hat * dgamma), dgamma, dbeta

    return backward


def try_out(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """1 where the learner's gradient check accepts a backward pass, 0 where it refuses it; and what it tries.

    Where what it tries decides already (two samples, a step that drowns in rounding, a tolerance that sees
    nothing), the rest would depend on chance, and is left out.
    """
    eps = inputs["eps"]
    tried = Tried(forward_with(eps))
    first = accepts(answer, tried.forward, tried.watching(backward_with(eps)))
    yield "a right one", first
    yield from tried.facts(accepted=first).items()
    if tried.is_hopeless(accepted=first):
        return
    found = {name: accepts(answer, tried.forward, backward_with(eps, name)) for name in (SLIGHT, HUGE)}
    yield "the_tolerance_is_fit", int(found[SLIGHT] <= found[HUGE])
    yield from found.items()
    if found[SLIGHT] > found[HUGE]:
        return
    for name in [name for name in WRONG if name not in found]:
        yield name, accepts(answer, tried.forward, backward_with(eps, name))
    yield "another right one", accepts(answer, tried.forward, in_one_formula(eps))


def accepts(answer: Any, forward: Callable, backward: Callable) -> int:
    verdict = answer(forward, backward)
    if not isinstance(verdict, (bool, np.bool_)):
        raise OddAnswer(f"Your function returns {described(verdict)}, expected True or False.")
    return int(verdict)


def options(rng):
    """What a learner decides: shape, parameters, upstream gradient, what is compared and how closely."""
    shape = (6, 3)
    x = np.random.default_rng(7).normal(3, 2, shape)
    gamma = np.linspace(0.5, 2, shape[1])
    dy = np.random.default_rng(8).normal(size=shape)
    compared = ("dx", "dgamma", "dbeta")
    part_of_dx = np.asarray
    h = 1e-5
    tolerance = 1e-6
    return x, gamma, dy, compared, part_of_dx, h, tolerance


SEES_LITTLE = """
    > 04_derive_the_backward_pass: What follows: tests that see little

    upstream_of_ones: the upstream gradient is all ones
        dy = np.ones(shape)
        | With dy = 1 the right dx is 0. A backward pass that is 0 for another reason passes too, and so does
        | every dx of a wrong length. Draw dy at random: rng.normal(size=x.shape).

    upstream_is_y: the upstream gradient is y, or another mix of 1 and x̂
        dy = gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
        | With the loss ½Σy² it is y. y is made of x̂ and 1, and BN takes out just these two: the right dx is
        | 0.

    accepts_everything: everything is accepted
        tolerance = np.inf
        | A test that cannot fail tests nothing. Compare with finite differences; return False where they
        | differ.

    > 04_derive_the_backward_pass: Which test catches what?

    batch_of_two: the batch has fewer than three samples
        shape = (2, 3)
        | With N = 2 nothing is left of a gradient but its two directions 1 and x̂: dx is 0, and a wrong
        | length is not seen.

    gamma_of_one: γ is 1
        gamma = np.ones(shape[1])
        | A forgotten γ does not show where γ is 1. Take values away from 1, such as rng.uniform(0.5, 2,
        | size=C).

    only_dx_compared: only dx is compared
        compared = ("dx",)
        | dγ and dβ can be wrong while dx is right.

    dbeta_not_compared: dβ is not compared
        compared = ("dx", "dgamma")
        | dβ can be wrong while dx and dγ are right.

    dgamma_not_compared: dγ is not compared
        compared = ("dx", "dbeta")
        | dγ can be wrong while dx and dβ are right.

    dx_not_compared: dx is not compared
        compared = ("dgamma", "dbeta")
        | dγ and dβ are two sums, quickly right. Most that goes wrong goes wrong in dx.

    sum_of_dx_compared: of dx only the sum is compared
        part_of_dx = lambda dx: dx.sum(axis=0)
        | In BN each column of dx adds up to 0. That holds too when its length is wrong, or when the path
        | through the variance is missing. Compare dx entry by entry.

    > 04_derive_the_backward_pass: Measure it right

    step_too_small: the step is so small that rounding drowns the difference
        h = 1e-12
        | The two losses agree in nearly all their digits. What is left of their difference is rounding, and
        | it is divided by the small step. Take h = 1e-5.

    step_too_large: the step is so large that the slope changes on the way
        h = 0.5
        | A difference of two losses is the slope at one place only if the step is small. Take h = 1e-5.

    tolerance_too_large: the tolerance is too wide: an error of 2 percent passes
        tolerance = 0.2
        | In float64, with h = 1e-5, finite differences are right to about 1e-9. Allow 1e-6.

    refuses_everything: everything is refused, the right ones too
        tolerance = 0.0
        | A measured gradient is never equal to the last digit: ask np.allclose(found, measured, atol=1e-6).
        | Or is a `return False` always reached? Measure with a step up and a step down: one side alone is
        | less exact.
"""


def by_differences(recipe: Recipe) -> Callable[..., bool]:
    """A gradient check: does each compared gradient agree with finite differences, beside the size of dy?"""
    x, gamma, dy, compared, part_of_dx, h, tolerance = recipe.values({}, recipe.returns).values()
    arrays = {"dx": x, "dgamma": gamma, "dbeta": np.linspace(-1, 1, len(gamma))}

    @cache  # many backward passes are tried on one forward pass, and measuring is slow
    def measured_on(forward: Callable, name: str) -> np.ndarray:
        return measured(forward, arrays, name, dy, h)

    def gradient_check(forward: Callable, backward: Callable) -> bool:
        gradients = dict(zip(arrays, backward(dy, x, gamma), strict=True))
        parts = {name: part_of_dx if name == "dx" else np.asarray for name in compared}
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


def decisions_in_words(seen: list[Observed]) -> tuple[str, str]:
    """Which backward passes a gradient check accepts or refuses, and what is wrong with what it tries."""
    facts = [words for name, words in NEEDED.items() if any(run.values.get(name, 1) == 0 for run in seen)]
    wrong = wrong_decisions(seen)
    accepted = [name for name in wrong if name not in RIGHT]
    decisions = ["Your function refuses a right backward pass."] if len(accepted) < len(wrong) else []
    if accepted:
        more = f" And {len(accepted) - 1} more." if len(accepted) > 1 else ""
        decisions += [f"Your function accepts a wrong backward pass: {accepted[0]}.{more}"]
    some = sum(bool(wrong_decisions([run])) for run in seen)
    only = " It does so for some ε and not for others." if 0 < some < len(seen) else ""
    return " ".join(decisions) + only, " ".join(facts)


def wrong_decisions(seen: list[Observed]) -> list[str]:
    """The backward passes that are refused though right, or accepted though wrong, on one probe at least."""
    found = [
        name
        for run in seen
        for name, value in run.values.items()
        if name not in NEEDED and value != (name in RIGHT)
    ]
    return list(dict.fromkeys(found))
