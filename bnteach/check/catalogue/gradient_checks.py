"""Mistakes in a gradient check: inputs on which wrong backward passes give the right answer."""

import numpy as np

from ..mistake import Mistake

CHECK = ("gradient_check",)
TESTS = ("04_derive_the_backward_pass", "Which test catches what?")
SEE_LITTLE = ("04_derive_the_backward_pass", "What follows: tests that see little")
MEASURE = ("04_derive_the_backward_pass", "Measure it right")

MISTAKES = [
    Mistake(
        key="upstream_of_ones",
        title="the upstream gradient is all ones",
        confuses="With dy = 1 the right dx is 0. A backward pass that is 0 for another reason passes too, "
        "and so does every dx of a wrong length.",
        mend="Draw dy at random: rng.normal(size=x.shape).",
        lesson=SEE_LITTLE,
        checks=CHECK,
        steps={"dy": lambda shape: np.ones(shape)},
    ),
    Mistake(
        key="upstream_is_y",
        title="the upstream gradient is y, or another mix of 1 and x̂",
        confuses="With the loss ½Σy² it is y. y is made of x̂ and 1, and BN takes out just these two: the "
        "right dx is 0.",
        mend="Draw dy at random: rng.normal(size=x.shape).",
        lesson=SEE_LITTLE,
        checks=CHECK,
        steps={"dy": lambda x, gamma: gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)},
    ),
    Mistake(
        key="batch_of_two",
        title="the batch has fewer than three samples",
        confuses="With N = 2 nothing is left of a gradient but its two directions 1 and x̂: dx is 0, and a "
        "wrong length is not seen.",
        mend="Take three samples or more.",
        lesson=TESTS,
        checks=CHECK,
        steps={"shape": lambda: (2, 3)},
    ),
    Mistake(
        key="gamma_of_one",
        title="γ is 1",
        confuses="A forgotten γ does not show where γ is 1.",
        mend="Take values of γ away from 1, such as rng.uniform(0.5, 2, size=C).",
        lesson=TESTS,
        checks=CHECK,
        steps={"gamma": lambda shape: np.ones(shape[1])},
    ),
    Mistake(
        key="only_dx_compared",
        title="only dx is compared",
        confuses="dγ and dβ can be wrong while dx is right.",
        mend="Compare all three: dx, dgamma and dbeta.",
        lesson=TESTS,
        checks=CHECK,
        steps={"compared": lambda: ("dx",)},
    ),
    Mistake(
        key="dbeta_not_compared",
        title="dβ is not compared",
        confuses="dβ can be wrong while dx and dγ are right.",
        mend="Compare all three: dx, dgamma and dbeta.",
        lesson=TESTS,
        checks=CHECK,
        steps={"compared": lambda: ("dx", "dgamma")},
    ),
    Mistake(
        key="dgamma_not_compared",
        title="dγ is not compared",
        confuses="dγ can be wrong while dx and dβ are right.",
        mend="Compare all three: dx, dgamma and dbeta.",
        lesson=TESTS,
        checks=CHECK,
        steps={"compared": lambda: ("dx", "dbeta")},
    ),
    Mistake(
        key="dx_not_compared",
        title="dx is not compared",
        confuses="dγ and dβ are two sums, quickly right. Most that goes wrong goes wrong in dx.",
        mend="Compare all three: dx, dgamma and dbeta.",
        lesson=TESTS,
        checks=CHECK,
        steps={"compared": lambda: ("dgamma", "dbeta")},
    ),
    Mistake(
        key="sum_of_dx_compared",
        title="of dx only the sum is compared",
        confuses="In BN each column of dx adds up to 0. That holds too when its length is wrong, or when the "
        "path through the variance is missing.",
        mend="Compare dx entry by entry.",
        lesson=TESTS,
        checks=CHECK,
        steps={"part_of_dx": lambda: lambda dx: dx.sum(axis=0)},
    ),
    Mistake(
        key="step_too_small",
        title="the step is so small that rounding drowns the difference",
        confuses="The two losses agree in nearly all their digits. What is left of their difference is "
        "rounding, and it is divided by the small step.",
        mend="Take h = 1e-5.",
        lesson=MEASURE,
        checks=CHECK,
        steps={"h": lambda: 1e-12},
    ),
    Mistake(
        key="step_too_large",
        title="the step is so large that the slope changes on the way",
        confuses="A difference of two losses is the slope at one place only if the step is small.",
        mend="Take h = 1e-5.",
        lesson=MEASURE,
        checks=CHECK,
        steps={"h": lambda: 0.5},
    ),
    Mistake(
        key="tolerance_too_large",
        title="the tolerance is too wide: an error of 2 percent passes",
        confuses="In float64, with h = 1e-5, finite differences are right to about 1e-9.",
        mend="Allow 1e-6 beside the size of the gradient, not 1e-1.",
        lesson=MEASURE,
        checks=CHECK,
        steps={"tolerance": lambda: 0.2},
    ),
    Mistake(
        key="accepts_everything",
        title="everything is accepted",
        confuses="A test that cannot fail tests nothing.",
        mend="Compare with finite differences, and return False where they differ.",
        lesson=SEE_LITTLE,
        checks=CHECK,
        steps={"tolerance": lambda: np.inf},
    ),
    Mistake(
        key="refuses_everything",
        title="everything is refused, the right ones too",
        confuses="A measured gradient is never equal to the last digit. And a `return False` that is always "
        "reached refuses too.",
        mend="Ask whether the two are close: np.allclose(found, measured, atol=1e-6). Measure with a step up "
        "and a step down: one side alone is less exact.",
        lesson=MEASURE,
        checks=CHECK,
        steps={"tolerance": lambda: 0.0},
    ),
]
