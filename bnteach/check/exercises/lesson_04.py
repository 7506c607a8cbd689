"""Checks of the exercises of lesson 04."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from ..recipe import Recipe
from .backward_steps import COMPACT
from .forward_steps import NORMALIZING
from .gradient_checking import RIGHT, STEPS, try_out
from .gradient_inputs import decisions_in_words


def probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read; then random ones with N ≥ 3, γ away from 1, and a random upstream gradient. The last
    two: one that varies less than ε, one as wide as long."""

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
    return [read, random(5, 4, 0.3), random(7, 3, 1e-5), random(4, 6, 1.0), small, random(4, 4, 0.2)]


batch_norm_backward = Check(
    name="batch_norm_backward",
    takes=("dy", "x", "gamma", "eps"),
    recipe=Recipe({**NORMALIZING, **COMPACT}, returns=("dx", "dgamma", "dbeta")),
    probes=probes,
    hints=(
        "Begin with x̂, then `dgamma` and `dbeta`: one line each. For `dx` make `dx_hat` first: by what "
        "is x̂ multiplied on its path to y?",
        "`dx_hat = dy * gamma`. From it take away two parts: its mean, and its share along x̂. Before "
        "the brackets stands 1/√(σ² + ε).",
        "The share along x̂ is `x_hat * (dx_hat * x_hat).mean(axis=0)`: a number for each channel, times "
        "x̂ of each sample.",
    ),
    lesson=("04_derive_the_backward_pass", "Multiply it out"),
)


def nodes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """What the forward pass left behind, for the batches of `probes`."""
    found = []
    for probe in probes(rng):
        x = probe["x"]
        std = np.sqrt(x.var(axis=0) + probe["eps"])
        centered = x - x.mean(axis=0)
        found.append({"dy": probe["dy"], "gamma": probe["gamma"], "x_centered": centered, "std": std})
    return found


staged_backward = Check(
    name="staged_backward",
    takes=("dy", "gamma", "x_centered", "std"),
    recipe=Recipe(
        {
            "dx_hat": lambda dy, gamma: dy * gamma,
            "dinv_std": lambda dx_hat, x_centered: (dx_hat * x_centered).sum(axis=0),
            "dstd": lambda dinv_std, std: -dinv_std / std**2,
            "dvar": lambda dstd, std: dstd / (2 * std),
            "dx_centered": lambda dx_hat, std, x_centered, dvar: (
                dx_hat / std + 2 * x_centered * dvar / len(x_centered)
            ),
            "dmean": lambda dx_centered: -dx_centered.sum(axis=0),
            "dx": lambda dx_centered, dmean: dx_centered + dmean / len(dx_centered),
        },
        returns=("dx_hat", "dinv_std", "dstd", "dvar", "dx_centered", "dmean", "dx"),
    ),
    probes=nodes,
    hints=(
        "Go from right to left, one line for each gradient. Each gradient has the shape of its node: (N, "
        "C) or (C,).",
        "A number that all rows share gets the sum of their gradients. A node that is used twice gets "
        "the sum of two gradients: `x_centered` is used in `x_hat` and in `square`, `x` in `x_centered` "
        "and in `mean`.",
        "The derivative of 1/s is −1/s². That of √v is 1/(2√v), and √v is `std`. Then `dx_centered = "
        "dx_hat / std + 2 * x_centered * dvar / N`, and `dx` is made in the same way of `dx_centered` "
        "and `dmean / N`.",
    ),
    lesson=("04_derive_the_backward_pass", "Five rules for the backward pass"),
)


gradient_check = Check(
    name="gradient_check",
    takes=("forward", "backward"),
    recipe=Recipe(STEPS, returns=("gradient_check",)),
    probes=lambda rng: [{"eps": eps} for eps in (1e-5, *rng.uniform(1e-5, 1e-3, size=2))],
    hints=(
        "Write a small function inside that measures the gradient of L with respect to any of the three "
        "arrays: move one entry up and down by `h = 1e-5`, and see by how much L changes.",
        "Which inputs hide a fault? Think of `dy`, of γ and of the number of samples. And which of the "
        'three gradients can be wrong while the others are right? See "Which test catches what?" in the '
        "lesson.",
        "For each entry `((up - down) * dy).sum() / (2 * h)`, where `up` and `down` are what `forward` "
        "gives. Then `np.allclose(found, measured, atol=1e-6)`, for each gradient. Return a real `True` "
        "or `False`.",
    ),
    lesson=("04_derive_the_backward_pass", "Which test catches what?"),
    make=lambda check, recipe: recipe.values({}, ["gradient_check"])["gradient_check"],
    trial=try_out,
    tell=lambda seen: decisions_in_words(seen, RIGHT),
)

EXERCISES = [batch_norm_backward, staged_backward, gradient_check]
