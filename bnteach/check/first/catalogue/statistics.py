"""Mistakes in the mean and the variance of each channel."""

import numpy as np

from ..mistake import Mistake
from .applies_to import STATISTICS

DIVISOR = ("01_measure_a_batch", "Divide by N or by N − 1?")
WAYS = ("01_measure_a_batch", "Three ways to a variance")

MISTAKES = [
    Mistake(
        key="n_minus_one",
        title="the variance divides by n − 1",
        confuses="n − 1 estimates the variance of a population from a sample. To give these very values a "
        "variance of 1, as BN does, divide by n.",
        mend="Use x.var(axis=0), or ((x - mean)**2).sum(axis=0) / n.",
        lesson=DIVISOR,
        checks=(
            *STATISTICS,
            "batch_norm_channels",
            "one_pass_statistics",
            "scale_like_training",
            "batch_norm_backward",
            "BatchNorm",
        ),
        steps={"divisor": lambda n: n - 1},
    ),
    Mistake(
        key="sum_not_divided",
        title="the squared deviations are added up, but not divided by n",
        confuses="The variance is a mean of squared deviations. Their sum S grows with the batch; S / n "
        "does not.",
        mend="Divide by the number of rows: ((x - mean)**2).sum(axis=0) / n, or use .mean(axis=0).",
        lesson=WAYS,
        checks=(*STATISTICS, "batch_norm_channels", "one_pass_statistics"),
        steps={"divisor": lambda n: 1},
    ),
    Mistake(
        key="std_for_variance",
        title="the standard deviation stands where the variance belongs",
        confuses="The standard deviation is the root of the variance. x.std() has taken the root already.",
        mend="Use x.var(axis=0): it is the mean of the squared deviations, without a root.",
        lesson=WAYS,
        checks=(*STATISTICS, "batch_norm_channels", "one_pass_statistics", "scale_like_training"),
        steps={"var": lambda sum_of_squares, divisor: np.sqrt(sum_of_squares / divisor)},
    ),
    Mistake(
        key="not_centered",
        title="the mean is not subtracted before the squares are taken",
        confuses="The mean of x² measures how far the values are from 0. The variance measures how far they "
        "are from their mean.",
        mend="Subtract the mean first, then square: ((x - mean)**2).mean(axis=0).",
        lesson=WAYS,
        checks=(*STATISTICS, "batch_norm_channels", "one_pass_statistics", "scale_like_training"),
        steps={"var": lambda mean_of_squares: mean_of_squares},
    ),
    Mistake(
        key="mean_not_squared",
        title="the mean is subtracted from the mean of the squares without being squared",
        confuses="On paper the variance is E[x²] − E[x]², with a square on the mean too. Better is not to "
        "use this formula at all: it loses digits when the mean is large.",
        mend="Subtract the mean first, then square: ((x - mean)**2).mean(axis=0).",
        lesson=WAYS,
        checks=("batch_statistics", "one_pass_statistics"),
        steps={"var": lambda mean_of_squares, mean: mean_of_squares - mean},
    ),
    Mistake(
        key="not_squared",
        title="the deviations are averaged without being squared",
        confuses="Deviations from the mean sum to 0: what lies above and what lies below cancel. Squares "
        "cannot cancel.",
        mend="Square before you average: ((x - mean)**2).mean(axis=0).",
        lesson=WAYS,
        checks=("batch_statistics", "one_pass_statistics"),
        steps={"sum_of_squares": lambda mean: 0 * mean},
    ),
    Mistake(
        key="absolute_deviation",
        title="absolute deviations stand where squared ones belong",
        confuses="The mean of |x − μ| is a measure of spread too, but it is not the variance, nor its root.",
        mend="Square instead: ((x - mean)**2).mean(axis=0).",
        lesson=WAYS,
        checks=("batch_statistics", "standardize", "batch_norm_forward"),
        steps={"sum_of_squares": lambda centered: np.abs(centered).sum(axis=0)},
    ),
    Mistake(
        key="last_row_left_out",
        title="the last row is left out",
        confuses="range(n - 1) ends at n − 2, and x[:-1] leaves the last row out. Each sample counts.",
        mend="Go over all rows: range(len(x)), or x itself.",
        lesson=WAYS,
        checks=("batch_statistics", "identity_parameters"),
        steps={"table": lambda x: x[:-1]},
    ),
]
