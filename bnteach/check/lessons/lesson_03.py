"""Lesson 03, scale and shift: its exercises and their mistakes."""

from collections.abc import Iterable
from statistics import NormalDist
from typing import Any

import numpy as np

from ..answers import as_array, unpacked
from ..checking import Check
from ..running import Probe
from .inputs import gamma_and_beta, readable
from .labelings import TWO_LABELINGS

cdf, ppf = np.vectorize(NormalDist().cdf), np.vectorize(NormalDist().inv_cdf)  # as in scipy.stats.norm


def parameters_for_share(share, std):
    point = ppf(share)
    gamma = std
    beta = gamma * point
    return gamma, beta


OF_SHARE = """
    cdf_for_ppf: the share of a value is taken, not the value of a share
        point = cdf(share)
        | norm.cdf goes from a value to the share below it; norm.ppf goes from the share to the value.
"""


def shares(rng: np.random.Generator) -> list[Probe]:
    """Three channels to read; then shares above and below one half."""
    read = {"share": np.array([0.5, 0.9, 0.1]), "std": np.array([1.0, 2.0, 0.5])}
    return [read, *({"share": rng.uniform(0.05, 0.95, c), "std": rng.uniform(1.5, 4, c)} for c in (4, 3, 6))]


def parameters_given(answer: Any, inputs: Probe) -> Iterable[tuple[str, Any]]:
    """γ and β; the sign of γ is free, for a bell curve is symmetric."""
    gamma, beta = unpacked(("gamma", "beta"), answer(inputs["share"], inputs["std"]))
    yield from (("|gamma|", abs(as_array("gamma", gamma))), ("beta", as_array("beta", beta)))


def switched_off(gamma, beta, keep):
    new_gamma = np.where(keep, gamma, 0)
    new_beta = beta
    return new_gamma, new_beta


SWITCHES = """
    beta_switched_off: β is set to 0 as well
        new_beta = np.where(keep, beta, 0)
        | Then the channel gives 0, where it gave β on average: the next layer gets another mean.

    keep_swapped: the channels in `keep` are switched off, and the others stay
        new_gamma = np.where(keep, 0, gamma)
        | `keep` is True for the channels that stay.
"""


def masks(rng: np.random.Generator) -> list[Probe]:
    """Channels to read; then more, some of them switched off."""
    read, *others = ({**gamma_and_beta(rng, c), "keep": rng.permutation(c) < c // 2} for c in (3, 6, 4, 5))
    return [readable(read), *others]


EXERCISES = [
    Check(
        parameters_for_share,
        shares,
        trial=parameters_given,
        hints="""γ alone decides the standard deviation of y. Begin with it.
        For γ > 0, y > 0 where x̂ > −β/γ. For a bell curve that is as likely as x̂ < β/γ.
        So β/γ is the point below which `share` of the bell curve lies: `norm.ppf(share)`. Solve for β.""",
        lesson=("03_scale_and_shift", "Two numbers for each channel"),
        mistakes=(OF_SHARE,),
    ),
    Check(
        switched_off,
        masks,
        hints="""Which of the two, γ or β, carries what differs from sample to sample?
        The mean of y over the batch is β, whatever γ is. So which one must not be touched?
        `np.where(keep, ...)` chooses for each channel. One of the two parameters needs it.""",
        lesson=("03_scale_and_shift", "Lab: move γ and β"),
        mistakes=(SWITCHES,),
        has_slips=False,
    ),
    TWO_LABELINGS,
]
