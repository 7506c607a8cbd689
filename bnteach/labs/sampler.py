"""The lab of batch statistics: each batch is a guess at the population, and small batches guess badly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from bnteach import figures

from . import controls
from .lab import Lab

__all__ = ["Sampler"]

MEAN, STD = 5.0, 2.0  # of the population, whatever its skew
BATCHES = 400
SIZES = (2, 4, 8, 16, 32, 64, 128, 256)
MEAN_LIMITS, VARIANCE_LIMITS = (0, 11), (0, 16.5)


@dataclass(frozen=True)
class State:
    """batch_size: values in a batch. skew: of the population, 0 is Gaussian. draw: which batches of many."""

    batch_size: int
    skew: float
    draw: int


@dataclass(frozen=True)
class Frame:
    """What `Sampler` shows: the values of the population, and the statistics of each batch, (BATCHES,)."""

    population: np.ndarray
    first_batch: np.ndarray
    means: np.ndarray
    biased: np.ndarray
    unbiased: np.ndarray
    standard_error: float


class Sampler(Lab):
    """Draw 400 batches from one population: how far off are their means and variances?

    Controls: batch_size, skew; a button draws new batches. The dots are batches. The band is theory's
    mean ± σ/√N. On the right, the variance divided by N falls short of the truth on average, by the factor
    (N − 1)/N; divided by N − 1 it does not.

    >>> lab = Sampler(batch_size=4)
    >>> lab.frame.means.shape
    (400,)
    """

    title = "Each batch guesses the mean and the variance"
    look = "Make the batches larger: the dots close in on the black line, which is the truth."
    State = State
    panels = (1, 1.1, 1)
    recorded: ClassVar = {"skew": (0, 1, 2, 3), "draw": range(4)}

    def controls(self):
        return {
            "batch_size": controls.steps("Batch size", "values in each batch", SIZES, 8),
            "skew": controls.slider(
                "Skew of the population", "0 is Gaussian; more has a longer tail", 0, 3, 0
            ),
            "draw": controls.counter("Draw of the batches", "other samples of the same population"),
        }

    def make_buttons(self):
        help = "the same population, other samples"
        return [controls.Button("Draw new batches", help, moves={"draw": 1})]

    @staticmethod
    def compute(state):
        values = _samples(state.skew, state.draw)
        batches = values[:, : state.batch_size]
        return Frame(
            population=values[:40].ravel(),
            first_batch=batches[0],
            means=batches.mean(axis=1),
            biased=batches.var(axis=1),
            unbiased=batches.var(axis=1, ddof=1),
            standard_error=STD / state.batch_size**0.5,
        )

    def background(self, axes, state):
        population, means, variances = axes
        figures.frame(
            population, title="Population; dots: one batch", x="value", xlim=(-2, 13), ylim=(-0.08, 0.5)
        )
        population.axvline(MEAN, color="black", linewidth=2)
        population.set_yticks([])
        figures.frame(
            means,
            title="Means; band: μ ± σ/√N",
            x="batch",
            xlim=(-8, 409),
            ylim=MEAN_LIMITS,
        )
        figures.frame(
            variances,
            title="Variances; bars: averages",
            x="divided by",
            xlim=(0.5, 2.5),
            ylim=VARIANCE_LIMITS,
        )
        variances.set_xticks([1, 2], ["N", "N − 1"])
        variances.axhline(STD**2, color="black", linewidth=2, zorder=1)
        variances.set_yticks([0, 4, 8, 12, 16])

    def draw(self, axes, frame):
        population, means, variances = axes
        figures.histogram(frame.population, ax=population, bins=60, limits=(-2, 13), role="population")
        figures.points(frame.first_batch, np.full(len(frame.first_batch), -0.04), ax=population)
        figures.estimates(frame.means, MEAN, frame.standard_error, top=MEAN_LIMITS[1], ax=means)
        groups = [(frame.biased, "biased"), (frame.unbiased, "unbiased")]
        figures.strips(groups, limits=VARIANCE_LIMITS, ax=variances)
        figures.averages(groups, ax=variances)

    def read(self, frame):
        inside = np.mean(np.abs(frame.means - MEAN) <= frame.standard_error)
        return (
            f"{BATCHES} batches of {len(frame.first_batch)}: their means spread by {frame.means.std():.2f}; "
            f"theory, σ/√N, says {frame.standard_error:.2f}. {inside:.0%} of them lie in the band. "
            f"The true variance is {STD**2:.2f}; on average dividing by N gives {frame.biased.mean():.2f}, "
            f"by N − 1 gives {frame.unbiased.mean():.2f}."
        )


@lru_cache(maxsize=4)
def _samples(skew: float, draw: int) -> np.ndarray:
    """(BATCHES, 256) values. A small batch is the beginning of a larger one: dots move and do not jump."""
    random, shape = np.random.default_rng(draw), (BATCHES, SIZES[-1])
    if skew == 0:
        standard = random.standard_normal(shape)
    else:  # a Gamma variable of shape k has the skew 2/√k
        k = 4 / skew**2
        standard = (random.standard_gamma(k, shape) - k) / k**0.5
    values = MEAN + STD * standard
    values.flags.writeable = False
    return values
