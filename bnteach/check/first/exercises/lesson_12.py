"""Checks of the exercises of lesson 12."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from ..recipe import Recipe


def layers(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A Keras layer to read; then random ones after few and after many batches."""
    read = {"momentum": 0.75, "moving_variance": np.array([3.0, 0.75]), "batches": 2, "m": 5}
    sizes = ((0.9, 5, 8, 3), (0.99, 40, 4, 4), (0.6, 3, 20, 2))
    return [
        read,
        *(
            {"momentum": p, "moving_variance": rng.uniform(0.8, 4, size=c), "batches": t, "m": m}
            for p, t, m, c in sizes
        ),
    ]


to_pytorch = Check(
    name="to_pytorch",
    takes=("momentum", "moving_variance", "batches", "m"),
    recipe=Recipe(
        {
            "new_momentum": lambda momentum: 1 - momentum,
            "left": lambda momentum, batches: momentum**batches,
            "stretch": lambda m: m / (m - 1),
            "running_var": lambda left, moving_variance, stretch: left + (moving_variance - left) * stretch,
        },
        returns=("new_momentum", "running_var"),
    ),
    probes=layers,
    hints=(
        "Whose share does each momentum name, the old average or the new batch?",
        "Keras stores σ² divided by m, PyTorch divided by m − 1. So each batch is stretched by m/(m − "
        "1). And the start value?",
        "The start value 1 has the weight `momentum**batches`. Take it out, stretch the rest, put it back.",
    ),
    lesson=("12_the_same_layer_elsewhere", "What each difference costs"),
)

EXERCISES = [to_pytorch]
