"""Lesson 14, deep enough to break: its exercises and their mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from .one_change import one_change


def growth_with_skips(blocks, start):
    added = 1 - 1 / np.pi
    variances = start + added * np.arange(blocks)
    factors = 1 + 1 / variances
    growth = np.sqrt(factors.prod())
    return growth


OF_SKIPS = """
    > 14_deep_enough_to_break: Where the 1.21 comes from

    mean_square_added: the branch adds its mean square, not its variance
        added = 1
        | The mean square of ReLU(x̂) is 1/2, but its variance is smaller: the mean is no difference between
        | pictures. Twice 1/2 − 1/(2π) is added.

    squares_returned: the growth of the mean square is returned
        growth = factors.prod()
        | The length is the root of the sum of squares, so its growth is the root of this one.

    > 14_deep_enough_to_break: Five kinds of blocks

    variance_after_the_block: each BN divides by the variance behind its block
        variances = start + added * np.arange(1, blocks + 1)
        | BN stands at the start of the branch: it sees what comes in. At the first block that is `start`.

    stream_does_not_grow: each block gets the same variance
        variances = np.full(blocks, start)
        | Each block adds its branch to h, so the next one gets more. That is why the growth slows down.

    skip_forgotten: the path of the skip connection is left out
        factors = 1 / variances
        | The gradient comes back on two paths. The one past the branch has the factor 1.

    lengths_added: the lengths of the gradients of both paths are added
        factors = (1 + np.sqrt(1 / variances)) ** 2
        | They do not point the same way. As for independent values, their mean squares add up.
"""


def equilibrium(rate, decay, gradient):
    keep = 1 - rate * decay
    lost = 1 - keep**2
    length_squared = rate * gradient / np.sqrt(lost)
    length = np.sqrt(length_squared)
    turn = np.arcsin(np.sqrt(lost))
    return length, turn


OF_EQUILIBRIUM = """
    > 14b_decay_in_front_of_bn: The equilibrium

    nearly: 2ηλ stands for what decay takes
        lost = 2 * rate * decay
        | That is the lesson's approximation, for a small product. Exactly, decay takes 1 − (1 − ηλ)² of ‖w‖².

    gradient_of_any_length: the length is the square of the right one
        length = length_squared
        | Either ‖w‖² is returned, or the gradient is taken to be the same at any length. At the length ‖w‖ it
        | is `gradient` / ‖w‖.

    turn_of_small_products: the turn is √(2ηλ)
        turn = np.sqrt(2 * rate * decay)
        | That is the lesson's approximation, for a small product. Draw the triangle of the decayed weights,
        | the step and the new weights.

    in_degrees: the turn is in degrees
        turn = np.degrees(np.arcsin(np.sqrt(lost)))
        | Asked for are radians, as np.arccos gives them.

    sine_for_the_angle: the sine of the angle is returned
        turn = np.sqrt(lost)
        | The step over the length, η‖dw‖ / ‖w‖, is the sine of the angle. The angle is its arcsine.

    step_against_old_weights: the step is compared with weights that have not decayed yet
        turn = np.arctan(np.sqrt(lost))
        | The right angle lies at the end of the decayed weights, (1 − ηλ)‖w‖. Its tangent is η‖dw‖ over that.
"""


def depths(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Two blocks to read; then more, with streams that vary more and less than 1."""
    others = ({"blocks": n, "start": rng.uniform(*ends)} for n, ends in ((7, (0.2, 0.6)), (50, (1.5, 3))))
    return [{"blocks": 2, "start": 1.0}, *others]


def settings(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Numbers to read; then random ones, with products that are not small."""
    read = {"rate": 0.5, "decay": 0.4, "gradient": 0.6}
    ends = {"rate": (0.2, 2), "decay": (0.05, 0.3), "gradient": (0.3, 3)}
    return [read, *({name: rng.uniform(*pair) for name, pair in ends.items()} for _ in range(3))]


def learn(seed, depth=24, skip=True, batch_norm=True, activation="ReLU", rate=0.03):
    """Stands for the training of the exercise."""


EXERCISES = [
    Check(
        growth_with_skips,
        depths,
        hints=(
            "Go through one block: which variance comes in, and by which factor does the mean square grow?",
            "The gradient has two paths. Past the branch: factor 1. Through it: 1/2 of the ReLU, 2 of the "
            "weights, and BN divides by the variance that comes in.",
            "`variances = start + (1 - 1 / np.pi) * np.arange(blocks)`. Multiply all `1 + 1 / variances`; "
            "then the root.",
        ),
        lesson=("14_deep_enough_to_break", "Five kinds of blocks"),
        mistakes=(OF_SKIPS,),
    ),
    Check(
        equilibrium,
        settings,
        hints=(
            "Write down ‖w‖² after a step, from ‖w‖² before it. In the equilibrium both are the same.",
            "`keep**2 * s + rate**2 * gradient**2 / s == s`, where s is ‖w‖² and keep is 1 − ηλ.",
            "s is `rate * gradient / np.sqrt(1 - keep**2)`. The new weights have the old length, and `keep` "
            "of it along the old direction: a cosine.",
        ),
        lesson=("14b_decay_in_front_of_bn", "The equilibrium"),
        mistakes=(OF_EQUILIBRIUM,),
    ),
    one_change(
        learn,
        "effect_in_depth",
        such_as="depth=50",
        lesson=("14_deep_enough_to_break", "Which of them learn?"),
    ),
]
