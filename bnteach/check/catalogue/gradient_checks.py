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
        title="the loss is ½Σy², so the upstream gradient is y",
        confuses="y is made of x̂ and 1, and BN takes out just these two: the right dx is 0.",
        mend="Draw dy at random: rng.normal(size=x.shape).",
        lesson=SEE_LITTLE,
        checks=CHECK,
        steps={"dy": lambda x, gamma: gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)},
    ),
    Mistake(
        key="batch_of_two",
        title="the batch has two samples",
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
        key="tolerance_too_large",
        title="the tolerance is so large that an error of some percent passes",
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
        confuses="A measured gradient is never equal to the last digit. Ask whether the two are close.",
        mend="Use a tolerance: np.allclose(found, measured, atol=1e-6).",
        lesson=MEASURE,
        checks=CHECK,
        steps={"tolerance": lambda: 0.0},
    ),
]
