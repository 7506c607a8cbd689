"""Mistakes that can happen in any exercise. They show in other ways than by a step that is wrong."""

import numpy as np

from ..mistake import Mistake

MISTAKES = [
    Mistake(
        key="input_modified",
        title="an input is changed in place",
        confuses="`a -= b` and `a /= b` change the array itself, and it is the caller's. `a = a - b` makes a "
        "new one. Whoever called your function may still need the old values.",
        mend="Write `a = a - b` instead of `a -= b`, `a / b` instead of `a /= b`, or work on a "
        "copy: a.copy().",
        lesson=None,
        checks=(
            "batch_statistics",
            "scale_like_training",
            "standardize",
            "identity_parameters",
            "batch_norm_forward",
        ),
        steps={"centered": lambda table, mean: np.subtract(table, mean, out=table)},
    ),
    Mistake(
        key="digits_lost",
        title="digits are lost: the variance is computed as E[x²] − E[x]²",
        confuses="On paper the two formulas are the same. In float32 both terms are large and nearly equal "
        "when the mean is large, and their difference keeps few digits, or is negative.",
        mend="Subtract the mean first, then square: ((x - mean)**2).mean(axis=0).",
        lesson=("01_measure_a_batch", "Three ways to a variance"),
        checks=(
            "batch_statistics",
            "one_pass_statistics",
            "standardize",
            "identity_parameters",
            "batch_norm_forward",
        ),
        steps={"var": lambda mean_of_squares, mean: mean_of_squares - mean**2},
    ),
    Mistake(
        key="returns_swapped",
        title="the returned values are in the wrong order",
        confuses="Both are right, but whoever calls your function takes the first for the second.",
        mend="Change the order behind `return`.",
        lesson=("01_measure_a_batch", "Along which axis?"),
        checks=("batch_statistics", "one_pass_statistics", "identity_parameters", "affine_gradients"),
        returns=lambda names: names[::-1],
    ),
]
