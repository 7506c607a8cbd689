"""Lesson 04's second exercise: a gradient check, judged by what it tries and what it lets through."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..answers import OddAnswer, described
from ..recipe import Lines, Recipe, recipe_of
from ..running import Probe
from .backward import batch_norm_backward
from .first_fault import Facts
from .gradient_inputs import Tried

# What is wrong with a backward pass, in words -> its wrong line.
WRONG: dict[str, Lines] = {
    "dx is 2 % too long": {"dx_hat": "1.02 * dy * gamma"},
    "dx is a thousand times too long": {"dx_hat": "1000 * dy * gamma"},
    "the path through the mean is missing": {"along_mean": "0"},
    "the path through the variance is missing": {"along_x_hat": "0"},
    "the path through the variance has the wrong sign": {"along_x_hat": "-x_hat * (dx_hat * x_hat).mean(0)"},
    "γ is forgotten in dx": {"dx_hat": "dy"},
    "dx is divided by σ² in place of σ": {"dx_hat": "dy * gamma * inv_std"},
    "dγ is a mean": {"dgamma": "(dy * x_hat).mean(axis=0)"},
    "dγ is made without x̂": {"dgamma": "dy.sum(axis=0)"},
    "dβ is a mean": {"dbeta": "dy.mean(axis=0)"},
}
ACCEPTED = "Your function accepts a wrong backward pass: {}."
SLIGHT, HUGE, NO_MEAN, *_ = WRONG
OF_PARAMETERS = list(WRONG)[-3:]
RIGHT: dict[str, Lines] = {
    "a right one": {},
    "another right one": {"dx": "gamma * inv_std / n * (n * dy - dbeta - x_hat * dgamma)"},
}
PASSES = {n: recipe_of(batch_norm_backward).with_lines(lines) for n, lines in (RIGHT | WRONG).items()}

SEES_LITTLE = """
    > deeper/test_a_backward_pass: Tests that see little

    batch_of_two: the batch has fewer than three samples
        | With N = 2 a gradient has no directions but 1 and x̂: dx is 0, and a wrong length is not seen.

    upstream_of_ones: the upstream gradient is the same number everywhere
        | Then the right dx is 0. A backward pass that is 0 for another reason passes too, and so does every
        | dx of a wrong length. Draw dy at random: rng.normal(size=x.shape).

    upstream_is_y: the upstream gradient is y, or another mix of 1 and x̂
        | With the loss ½Σy² it is y, made of x̂ and 1. BN takes out just these two: dx is nearly 0.

    accepts_everything: everything is accepted
        | A test that cannot fail tests nothing. Return False where dx and finite differences differ.

    > deeper/test_a_backward_pass: Which test catches what?

    gamma_of_one: γ is 1
        | A forgotten γ does not show where γ is 1. Take other values: rng.uniform(0.5, 2, size=C).

    sum_of_dx_compared: of dx only the sum is compared
        | Each column of a right dx adds up to 0, and so does one of a wrong length. Compare entry by entry.

    only_dx_compared: only dx is compared
        | dγ and dβ can be wrong while dx is right.

    > deeper/test_a_backward_pass: Measure it right

    step_too_small: the step is so small that rounding drowns the difference
        | The two losses agree in nearly all digits: their difference is rounding. Take h = 1e-5.

    step_too_large: the step is so large that the slope changes on the way
        | A difference of two losses is the slope at one place only if the step is small. Take h = 1e-5.

    tolerance_too_large: the tolerance is too wide: an error of 2 percent passes
        | In float64, with h = 1e-5, finite differences are right to about 1e-9. Allow 1e-6.

    refuses_everything: a right backward pass is refused
        | A measured gradient is never equal to the last digit: np.allclose(found, measured, atol=1e-6). Or is
        | `return False` always reached? Measure with a step up and one down: one side alone is less exact.
"""


def facts(answer: Any, inputs: Probe) -> Facts:
    """What it tries, then what it lets through. Behind the first fault all is a matter of chance."""
    eps, tried = inputs["eps"], Tried(inputs["eps"])

    def accepts(name: str) -> bool:
        verdict = answer(tried.forward, tried.watching(backward_by(PASSES[name], eps)))
        if not isinstance(verdict, (bool, np.bool_)):
            raise OddAnswer(f"Your function returns {described(verdict)}, expected True or False.")
        return bool(verdict)

    yield from tried.facts(is_accepted=accepts("a right one"))
    accepted = {name: accepts(name) for name in PASSES}
    yield "refuses_everything", all(accepted[name] for name in RIGHT)
    yield "accepts_everything", not all(accepted.values())
    yield "sum_of_dx_compared", not accepted[HUGE] or accepted[NO_MEAN]
    yield "tolerance_too_large", not accepted[SLIGHT] or accepted[HUGE]
    yield "only_dx_compared", not all(accepted[name] for name in OF_PARAMETERS)
    yield from ((ACCEPTED.format(name), not accepted[name]) for name in WRONG)


def backward_by(recipe: Recipe, eps: float) -> Callable[..., tuple]:
    """What an answer is given as `backward(dy, x, gamma)`."""

    def backward(dy: np.ndarray, x: np.ndarray, gamma: np.ndarray) -> tuple:
        return tuple(recipe.values({"dy": dy, "x": x, "gamma": gamma, "eps": eps}, recipe.returns).values())

    return backward
