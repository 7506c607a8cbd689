"""Lesson 12, the same layer elsewhere: its exercise and the mistakes of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check


def to_pytorch(momentum, moving_variance, batches, m):
    left = momentum**batches
    new_momentum = 1 - momentum
    running_var = left + (moving_variance - left) * (m / (m - 1))
    return new_momentum, running_var


FROM_KERAS = """
    momentum_not_translated: the momentum is carried over as it is
        new_momentum = momentum
        | Keras' momentum is the share of the old average, PyTorch's that of the new batch.

    start_value_stretched: the start value is stretched too
        running_var = moving_variance * (m / (m - 1))
        | The average began at 1, and a part of that is left. It never was a variance of a batch.

    start_weight_one: the start is given the whole weight 1
        left = 1
        | The average began at 1, but this has faded: each batch multiplies its share by momentum.

    start_weight_multiplied: the share of the start is momentum times the number of batches
        left = momentum * batches
        | Each batch multiplies the share by momentum: a power, not a product.
"""


def layers(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A Keras layer to read; then random ones after few and after many batches."""
    read = {"momentum": 0.75, "moving_variance": np.array([3.0, 0.75]), "batches": 2, "m": 5}
    sizes = ((0.9, 5, 8, 3), (0.99, 40, 4, 4), (0.6, 3, 20, 2))
    others = (
        {"momentum": p, "moving_variance": rng.uniform(0.8, 4, size=c), "batches": t, "m": m}
        for p, t, m, c in sizes
    )
    return [read, *others]


EXERCISES = [
    Check(
        to_pytorch,
        layers,
        hints=(
            "Whose share does each momentum name, the old average or the new batch?",
            "Keras stores σ² divided by m, PyTorch divided by m − 1. So each batch is stretched by m/(m − "
            "1). And the start value?",
            "The start value 1 has the weight `momentum**batches`. Take it out, stretch the rest, put it "
            "back.",
        ),
        lesson=("12_the_same_layer_elsewhere", "What each difference costs"),
        mistakes=(FROM_KERAS,),
    ),
]
