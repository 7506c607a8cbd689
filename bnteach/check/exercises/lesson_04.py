"""Checks of the exercises of lesson 04."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from ..recipe import Recipe
from .forward_steps import NORMALIZING


def probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read; then random ones with N ≥ 3, γ away from 1, and a random upstream gradient. The last
    varies less than ε."""

    def random(n: int, c: int, eps: float) -> dict[str, Any]:
        return {
            "dy": rng.normal(size=(n, c)),
            "x": rng.normal(3, 2, size=(n, c)),
            "gamma": rng.uniform(0.5, 2, size=c),
            "eps": eps,
        }

    read = {
        "dy": np.array([[1.0, 2.0], [0.0, -1.0], [-2.0, 4.0]]),
        "x": np.array([[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]]),
        "gamma": np.array([2.0, 0.5]),
        "eps": 0.5,
    }
    small = {**random(5, 3, 0.01), "x": rng.normal(0.02, 0.003, size=(5, 3))}
    return [read, random(5, 4, 0.3), random(7, 3, 1e-5), random(4, 6, 1.0), small]


batch_norm_backward = Check(
    name="batch_norm_backward",
    takes=("dy", "x", "gamma", "eps"),
    recipe=Recipe(
        {
            **NORMALIZING,
            "dx_hat": lambda dy, gamma: dy * gamma,
            "along_mean": lambda dx_hat: dx_hat.mean(axis=0),
            "along_x_hat": lambda dx_hat, x_hat: x_hat * (dx_hat * x_hat).mean(axis=0),
            "factor": lambda inv_std: inv_std,
            "dx": lambda dx_hat, along_mean, along_x_hat, factor: (
                factor * (dx_hat - along_mean - along_x_hat)
            ),
            "dgamma": lambda dy, x_hat: (dy * x_hat).sum(axis=0),
            "dbeta": lambda dy: dy.sum(axis=0),
        },
        returns=("dx", "dgamma", "dbeta"),
    ),
    probes=probes,
    hints=(
        "dbeta and dgamma first: each is a sum over the batch.",
        "dx has three parts: dx_hat, less its mean, less its share along x_hat.",
        "dx = (dx_hat - dx_hat.mean(0) - x_hat * (dx_hat * x_hat).mean(0)) / np.sqrt(var + eps)",
    ),
    lesson=("04_derive_the_backward_pass", "The compact formula"),
)

EXERCISES = [batch_norm_backward]
