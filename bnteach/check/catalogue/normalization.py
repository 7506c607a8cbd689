"""Mistakes in the statistics of a batch and in x̂."""

import numpy as np

from ..mistake import Mistake

MISTAKES = [
    Mistake(
        key="n_minus_one",
        title="the variance divides by n − 1",
        confuses="n − 1 estimates the variance of a population from a sample. BN does not estimate: it makes the "
        "variance of this batch 1, so it divides by n.",
        mend="Use x.var(axis=0), or ((x - mean)**2).sum(axis=0) / n.",
        lesson=("01_measure_a_batch", "Divide by n, or by n − 1?"),
        checks=("standardize",),
        steps={"var": lambda x, mean: ((x - mean) ** 2).sum(axis=0) / (len(x) - 1)},
    ),
    Mistake(
        key="eps_outside",
        title="ε is outside the root",
        confuses="√σ² + ε is not √(σ² + ε). The difference is large where the variance is small.",
        mend="Add eps to the variance first, then take the root: np.sqrt(var + eps).",
        lesson=("02_normalize", "ε"),
        checks=("standardize",),
        steps={"std": lambda var, eps: np.sqrt(var) + eps},
    ),
]
