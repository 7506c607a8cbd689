"""Checks of the exercises of lesson 03."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from ..recipe import Recipe
from ...lessons import lesson_02
from .forward_steps import NORMALIZING

identity_parameters = Check(
    name="identity_parameters",
    takes=("x", "eps"),
    recipe=Recipe(
        {
            **NORMALIZING,
            "gamma": lambda inv_std: 1 / inv_std,
            "beta": lambda mean: mean,
        },
        returns=("gamma", "beta"),
    ),
    probes=lesson_02.probes,
    hard_probes=lesson_02.hard_probes,
    hints=(
        "BN first subtracts and then divides. To undo two steps, go backward: which one is undone first?",
        "Multiply by what was divided by: that is γ. Add what was subtracted: that is β.",
        "What BN divides by is not quite σ: look at the formula in exercise 1, with the ε in it.",
    ),
    lesson=("03_scale_and_shift", "Undo it"),
)


def with_parameters(probes: list[dict[str, Any]], rng: np.random.Generator) -> list[dict[str, Any]]:
    """The probes, each with a γ away from 1 and a β away from 0."""
    return [
        {
            "x": probe["x"],
            "gamma": rng.uniform(1.5, 3, probe["x"].shape[1]).astype(probe["x"].dtype),
            "beta": rng.uniform(-2, 2, probe["x"].shape[1]).astype(probe["x"].dtype),
            "eps": probe["eps"],
        }
        for probe in probes
    ]


def forward_probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """The batches of `standardize`; the first, to be read, with a round γ and β."""
    first, *others = with_parameters(lesson_02.probes(rng), rng)
    return [{**first, "gamma": np.array([2.0, 0.5]), "beta": np.array([-1.0, 4.0])}, *others]


batch_norm_forward = Check(
    name="batch_norm_forward",
    takes=("x", "gamma", "beta", "eps"),
    recipe=Recipe(
        {**NORMALIZING, "y": lambda gamma, x_hat, beta: gamma * x_hat + beta},
        returns=("y",),
    ),
    probes=forward_probes,
    hard_probes=lambda rng: with_parameters(lesson_02.hard_probes(rng), rng),
    hints=(
        "You have written most of it in the exercises of lesson 02.",
        "Name the normalized value `x_hat`. Then one line remains. In which order: first scale, or first "
        "shift?",
        "`gamma` and `beta` fit the columns of `x_hat` as they are: no reshaping, no loop.",
    ),
    lesson=("03_scale_and_shift", "Two numbers for each channel"),
)


def gradient_probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read; then random ones, with an upstream gradient whose mean is not 0."""
    read = {
        "dy": np.array([[1.0, 2.0], [0.0, -1.0], [-2.0, 4.0]]),
        "x_hat": np.array([[-1.0, 1.0], [0.0, 1.0], [1.0, -2.0]]),
    }
    sizes = ((5, 4), (7, 3), (4, 4))
    return [read, *({"dy": rng.normal(0.5, 1, size), "x_hat": rng.normal(size=size)} for size in sizes)]


affine_gradients = Check(
    name="affine_gradients",
    takes=("dy", "x_hat"),
    recipe=Recipe(
        {
            "dgamma": lambda dy, x_hat: (dy * x_hat).sum(axis=0),
            "dbeta": lambda dy: dy.sum(axis=0),
        },
        returns=("dgamma", "dbeta"),
    ),
    probes=gradient_probes,
    hints=(
        "Look at one sample: if γ grows by a little, by how much does its y grow? And if β grows?",
        "The same γ and the same β serve all samples of a channel. What does the chain rule do with the "
        "shares of all samples?",
        "It adds them up. `dbeta` is the sum of `dy` over the samples. In `dgamma` each `dy` has a "
        "factor first.",
    ),
    lesson=("03_scale_and_shift", "The gradients of γ and β"),
)

EXERCISES = [identity_parameters, batch_norm_forward, affine_gradients]
