"""Checks of the exercises of lesson 02."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from ..recipe import Recipe


def probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read; batches far off centre; one whose variance is as small as ε may be."""
    read = {"x": np.array([[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]]), "eps": 0.5}
    wide = {"x": rng.normal(3, [0.5, 1, 2, 4], size=(6, 4)), "eps": 0.1}
    long = {"x": rng.normal(-5, 2, size=(9, 3)), "eps": 1e-5}
    small = {"x": rng.normal(0.02, 0.003, size=(5, 3)), "eps": 4e-5}
    return [read, wide, long, small]


def hard_probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Mean 3000 standard deviations off, in float32."""
    return [{"x": rng.normal(3000, 1, size=(64, 3)).astype(np.float32), "eps": 1e-5}]


standardize = Check(
    name="standardize",
    takes=("x", "eps"),
    recipe=Recipe(
        {
            "mean": lambda x: x.mean(axis=0),
            "centred": lambda x, mean: x - mean,
            "var": lambda centred: (centred**2).mean(axis=0),
            "std": lambda var, eps: np.sqrt(var + eps),
            "x_hat": lambda centred, std: centred / std,
        },
        returns=("x_hat",),
    ),
    probes=probes,
    hard_probes=hard_probes,
    hints=(
        "Three steps: the mean of each column, the variance of each column, then subtract and divide.",
        "Which axis runs over the samples? The statistics have one value for each column: shape (C,).",
        "(x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)",
    ),
    lesson=("02_normalize", "Subtract, divide"),
)

EXERCISES = [standardize]
