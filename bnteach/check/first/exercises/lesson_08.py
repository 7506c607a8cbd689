"""Checks of the exercises of lesson 08."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from ..recipe import Recipe
from .forward_steps import NORMALIZING


def rows(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read; random ones with unequal samples; one that varies less than ε; one as wide as long."""

    def random(n: int, c: int, eps: float, spread: float = 1.0) -> dict[str, Any]:
        return {
            "x": spread * rng.normal(rng.uniform(-4, 4, size=(n, 1)), rng.uniform(1, 3, size=(n, 1)), (n, c)),
            "gamma": rng.uniform(1.5, 3, size=c),
            "beta": rng.uniform(-2, 2, size=c),
            "eps": eps,
        }

    read = {
        "x": np.array([[1.0, 2.0, 6.0], [10.0, 10.0, 40.0]]),
        "gamma": np.array([2.0, 0.5, 1.5]),
        "beta": np.array([-1.0, 4.0, 2.0]),
        "eps": 0.5,
    }
    return [read, random(4, 6, 0.2), random(7, 3, 1e-5), random(3, 5, 0.01, 0.003), random(4, 4, 0.3)]


layer_norm = Check(
    name="layer_norm",
    takes=("x", "gamma", "beta", "eps"),
    recipe=Recipe(
        {
            **NORMALIZING,
            "table": lambda x: x.T,  # a column for each sample: what shares one mean
            "y": lambda x_hat, gamma, beta: gamma * x_hat.T + beta,
        },
        returns=("y",),
    ),
    probes=rows,
    hints=(
        "It is your BN of lesson 03. Only which values share a mean is another.",
        "The statistics have one number for each row. To fit `x` they need the shape (N, 1).",
        "`axis=1, keepdims=True` for the mean and for the variance. γ and β fit the columns as they are.",
    ),
    lesson=("08_choose_a_norm", "Two functions, five norms"),
)


def pictures(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Random pictures whose channels differ much, and G ≠ C/G; one that varies less than ε."""

    def random(shape: tuple, groups: int, eps: float, spread: float = 1.0) -> dict[str, Any]:
        c = shape[1]
        offset = rng.uniform(-5, 5, size=(shape[0], c, 1, 1))
        return {
            "x": spread * rng.normal(offset, rng.uniform(1, 3, size=(1, c, 1, 1)), shape),
            "num_groups": groups,
            "gamma": rng.uniform(1.5, 3, size=c),
            "beta": rng.uniform(-2, 2, size=c),
            "eps": eps,
        }

    read = {
        "x": np.arange(12.0).reshape(3, 4, 1, 1) ** 1.5,
        "num_groups": 2,
        "gamma": np.array([2.0, 0.5, 1.0, 1.5]),
        "beta": np.array([-1.0, 4.0, 0.0, 2.0]),
        "eps": 0.5,
    }
    return [
        read,
        random((3, 6, 2, 5), 2, 0.2),
        random((4, 6, 3, 2), 3, 1e-5),
        random((3, 8, 2, 3), 2, 0.01, 0.003),
    ]


group_norm = Check(
    name="group_norm",
    takes=("x", "num_groups", "gamma", "beta", "eps"),
    recipe=Recipe(
        {
            **NORMALIZING,
            "table": lambda x, num_groups: x.reshape(len(x) * num_groups, -1).T,
            "y": lambda x, x_hat, gamma, beta: (
                gamma[:, None, None] * x_hat.T.reshape(x.shape) + beta[:, None, None]
            ),
        },
        returns=("y",),
    ),
    probes=pictures,
    hints=(
        "A reshape can give the groups an axis of their own.",
        "`x.reshape(N, G, C // G, H, W)`: which of the five axes belong to one group?",
        "The mean runs over axes 2, 3 and 4 with `keepdims=True`. Then back to the shape of `x`; γ and β "
        "as `[:, None, None]`.",
    ),
    lesson=("08_choose_a_norm", "Two functions, five norms"),
)

EXERCISES = [layer_norm, group_norm]
