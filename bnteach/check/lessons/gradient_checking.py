"""Lesson 04's second exercise: a learner's gradient check is tried on right and on wrong backward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np

from ..answers import OddAnswer, described
from ..recipe import Lines, Recipe, recipe_of
from ..running import Observed
from .backward import batch_norm_backward
from .gradient_inputs import NEEDED, Tried

# What is wrong with a backward pass, in words -> its wrong line.
WRONG: dict[str, Lines] = {
    "dx is 2 % too long": {"dx_hat": "1.02 * dy * gamma"},
    "dx is a thousand times too long": {"dx_hat": "1000 * dy * gamma"},
    "the path through the mean is missing": {"along_mean": "0"},
    "the path through the variance is missing": {"along_x_hat": "0"},
    "the path through the variance has the wrong sign": {
        "along_x_hat": "-x_hat * (dx_hat * x_hat).mean(axis=0)"
    },
    "γ is forgotten in dx": {"dx_hat": "dy"},
    "dx is divided by σ² in place of σ": {"dx_hat": "dy * gamma * inv_std"},
    "dγ is a mean": {"dgamma": "(dy * x_hat).mean(axis=0)"},
    "dγ is made without x̂": {"dgamma": "dy.sum(axis=0)"},
    "dβ is a mean": {"dbeta": "dy.mean(axis=0)"},
}
SLIGHT, HUGE, *OTHERS = WRONG
RIGHT: dict[str, Lines] = {
    "a right one": {},
    "another right one": {"dx": "gamma * inv_std / n * (n * dy - dbeta - x_hat * dgamma)"},
}


PASSES = {
    name: recipe_of(batch_norm_backward).with_lines(lines) for name, lines in {**RIGHT, **WRONG}.items()
}


def backward_with(eps: float, name: str) -> Callable[..., tuple]:
    recipe = PASSES[name]

    def backward(dy: np.ndarray, x: np.ndarray, gamma: np.ndarray) -> tuple:
        return tuple(recipe.values({"dy": dy, "x": x, "gamma": gamma, "eps": eps}, recipe.returns).values())

    return backward


def try_out(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """1 where the learner's gradient check accepts a backward pass, 0 where it refuses it; and what it tries.

    Where what it tries decides already (two samples, a step that drowns in rounding, a tolerance that sees
    nothing), the rest would depend on chance, and is left out.
    """
    eps = inputs["eps"]
    tried = Tried(eps)

    def accepts(name: str) -> int:
        verdict = answer(tried.forward, tried.watching(backward_with(eps, name)))
        if not isinstance(verdict, (bool, np.bool_)):
            raise OddAnswer(f"Your function returns {described(verdict)}, expected True or False.")
        return int(verdict)

    yield "a right one", (first := accepts("a right one"))
    facts = tried.facts(accepted=first)
    yield from facts.items()
    if tried.is_hopeless(facts):
        return
    slight, huge = accepts(SLIGHT), accepts(HUGE)
    yield from (("the_tolerance_is_fit", int(slight <= huge)), (SLIGHT, slight), (HUGE, huge))
    if slight <= huge:
        yield from ((name, accepts(name)) for name in (*OTHERS, "another right one"))


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
    > deeper/test_a_backward_pass: Tests that see little

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

    > deeper/test_a_backward_pass: Which test catches what?

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

    sum_of_dx_compared: of dx only the sum is compared
        part_of_dx = lambda dx: dx.sum(axis=0)
        | In BN each column of dx adds up to 0. That holds too when its length is wrong, or when the path
        | through the variance is missing. Compare dx entry by entry.

    > deeper/test_a_backward_pass: Measure it right

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
    """A gradient check: does each compared gradient agree with finite differences?"""
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
    wrong = [name for name in WRONG if any(run.values.get(name, 0) == 1 for run in seen)]
    refused = any(run.values.get(name, 1) == 0 for run in seen for name in RIGHT)
    decisions = ["Your function refuses a right backward pass."] * refused
    if wrong:
        more = f" And {len(wrong) - 1} more." if len(wrong) > 1 else ""
        decisions += [f"Your function accepts a wrong backward pass: {wrong[0]}.{more}"]
    some = sum(any(run.values.get(name, name in RIGHT) != (name in RIGHT) for name in PASSES) for run in seen)
    decisions += ["It does so for some ε and not for others."] * (0 < some < len(seen))
    return " ".join(decisions), " ".join(facts)
