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
        "Two translations: whose share the momentum is, and what the variance was divided by.",
        "The start value 1 is still in it, with the weight momentum**batches. Only the rest is stretched.",
        "k = momentum**batches; 1 - momentum, and k + (moving_variance - k) * m / (m - 1)",
    ),
    lesson=("12_the_same_layer_elsewhere", "What each difference costs"),
)

EXERCISES = [to_pytorch]
