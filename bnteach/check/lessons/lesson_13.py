"""Lesson 13, make it fast: its exercises and their mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from .letters import named_letters
from .one_change import one_change

PASSES = {"A": 2, "B": 3, "C": 4, "D": 0, "E": 9, "F": 2}
SIGNS = {
    "A": "one array is read, one is written; the 1 is no array.",
    "B": "`+=` reads both sides, and writes.",
    "C": "the difference becomes an array first.",
    "D": "a slice is a view: are any values moved?",
    "E": "there are four operations, and each writes an array of its own.",
    "F": "are the products ever written?",
}


def shifted_statistics(x):
    n = len(x)
    shift = x[0]
    near = x - shift
    average = near.sum(axis=0) / n
    squares = (near**2).sum(axis=0)
    mean = shift + average
    var = squares / n - average**2
    return mean, var


OF_SHIFTING = """
    > 13_make_it_fast: Blocked

    shift_not_added: the mean is that of the shifted values
        mean = average
        | All values were moved by the shift. The mean has moved with them: bring it back.

    around_the_shift: the variance is taken around the shift, not around the mean
        var = squares / n
        | Σ(x − shift)² / n is too large: by the square of the distance from the shift to the mean.

    whole_mean_subtracted: the mean of x is squared and subtracted, not that of the shifted values
        var = squares / n - mean**2
        | The squares are those of the shifted values, so the mean must be theirs, too.

    shift_in_the_variance: the shift is added to the variance
        var = shift + squares / n - average**2
        | A variance does not change when all values move: nothing is brought back here.

    > 01_measure_a_batch: Divide by N or by N − 1?

    n_minus_one: the variance divides by n − 1
        var = (squares - n * average**2) / (n - 1)
        | BN normalizes with the variance divided by n.
"""


def columns(rng: np.random.Generator) -> list[dict[str, Any]]:
    """One channel to read; then random ones, off-center."""
    others = ({"x": rng.normal(rng.uniform(2, 5, c), rng.uniform(1, 3, c), (n, c))} for n, c in SIZES)
    return [{"x": np.array([[2.0], [3], [7]])}, *others]


def far_columns(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Mean over standard deviation is 10 000."""
    return [{"x": rng.normal(1e4, 1, size=(500, 3)).astype(np.float32)}]


SIZES = (5, 3), (8, 2)


def seconds_of_a_value(seed, channels=64, positions=784, samples=32, float64=False, channels_last=False):
    """Stands for the measurement of the exercise."""


EXERCISES = [
    named_letters(
        "count_passes",
        PASSES,
        SIGNS,
        range(20),
        hints=(
            "Take the operations of a line one by one. Which whole arrays does each read, and which does it "
            "write?",
            "A number, or one number for each channel, is no pass. What has no name is written, too.",
            "`a * x + b * z + c` has the operations `a * x`, `b * z`, the sum of both, and `+ c`.",
        ),
        lesson=("13_make_it_fast", "Count the bytes"),
    ),
    Check(
        shifted_statistics,
        columns,
        hard_probes=far_columns,
        hints=(
            "Subtract something near the values first. Which value of a channel do you have before any sum?",
            "With `near = x - x[0]`, sum `near` and its squares. How does a mean change when all values "
            "move? And a variance?",
            "`average = near.mean(axis=0)`; the mean is `x[0] + average`, the variance "
            "`(near**2).mean(axis=0) - average**2`.",
        ),
        lesson=("13_make_it_fast", "Blocked"),
        mistakes=(OF_SHIFTING,),
    ),
    one_change(
        seconds_of_a_value,
        "effect_on_time",
        such_as="positions=49",
        lesson=("13_make_it_fast", "How to measure"),
    ),
]
