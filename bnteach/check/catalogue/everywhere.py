"""Mistakes that can happen in any exercise. They show in other ways than by a step that is wrong."""

import numpy as np

from ..mistake import Mistake

MISTAKES = [
    Mistake(
        key="input_modified",
        title="an input is changed in place",
        confuses="`x -= mean` changes the caller's array; `x = x - mean` makes a new one. "
        "The next layer, or the backward pass, may still need the old values.",
        mend="Write `x = x - …` instead of `x -= …`, or work on x.copy().",
        lesson=("02_normalize", "Subtract, divide"),
        checks=("standardize",),
        steps={"centred": lambda x, mean: np.subtract(x, mean, out=x)},
    ),
    Mistake(
        key="digits_lost",
        title="digits are lost: the variance is computed as E[x²] − E[x]²",
        confuses="On paper the two formulas are the same. In float32 both terms are large and nearly equal when "
        "the mean is large, and their difference keeps few digits, or is negative.",
        mend="Subtract the mean first, then square: ((x - mean)**2).mean(axis=0).",
        lesson=("01_measure_a_batch", "Three ways to a variance"),
        checks=("standardize",),
        steps={"var": lambda x, mean: (x**2).mean(axis=0) - mean**2},
    ),
]
