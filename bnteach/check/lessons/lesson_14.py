"""Lesson 14, deep enough to break: its exercises and their mistakes."""

import numpy as np

from ..checking import Check
from ..running import Probe
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
        | A mean is no difference between pictures. The variance of ReLU(x̂) is 1/2 − 1/(2π): add twice that.

    > 14_deep_enough_to_break: Four kinds of blocks

    stream_does_not_grow: each block gets the same variance
        variances = np.full(blocks, start)
        | Each block adds its branch to h, so the next one gets more. That is why the growth slows down.

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
    nearly: 2ηλ stands for what decay takes
        lost = 2 * rate * decay
        | That is the lesson's approximation, for a small product. Exactly, decay takes 1 − (1 − ηλ)² of ‖w‖².

    gradient_of_any_length: the length is the square of the right one
        length = length_squared
        | Either ‖w‖² is returned, or the gradient is not divided: at the length ‖w‖ it is `gradient` / ‖w‖.

    turn_of_small_products: the turn is √(2ηλ)
        turn = np.sqrt(2 * rate * decay)
        | That is the lesson's approximation. Draw the decayed weights, the step and the new weights.

    small_products_only: length and turn are those of a small product
        lost = 2 * rate * decay
        turn = np.sqrt(lost)
        | 2ηλ and √(2ηλ) are the lesson's approximations. Exactly, decay takes 1 − (1 − ηλ)² of ‖w‖².

    in_degrees: the turn is in degrees
        turn = np.degrees(np.arcsin(np.sqrt(lost)))
        | Radians are asked for.

    sine_for_the_angle: the sine of the angle is returned
        turn = np.sqrt(lost)
        | The step over the length, η‖dw‖ / ‖w‖, is the sine of the angle. The angle is its arcsine.
"""


def depths(rng: np.random.Generator) -> list[Probe]:
    """Two blocks to read; then more, with streams that vary more and less than 1."""
    others = ({"blocks": n, "start": rng.uniform(*ends)} for n, ends in ((7, (0.2, 0.6)), (50, (1.5, 3))))
    return [{"blocks": 2, "start": 1.0}, *others]


def settings(rng: np.random.Generator) -> list[Probe]:
    """Numbers to read; then random ones, with products that are not small."""
    read = {"rate": 0.5, "decay": 0.4, "gradient": 0.6}
    ends = {"rate": (0.2, 2), "decay": (0.05, 0.3), "gradient": (0.3, 3)}
    return [read, *({name: rng.uniform(*pair) for name, pair in ends.items()} for _ in range(3))]


EXERCISES = [
    Check(
        growth_with_skips,
        depths,
        hints="""Go through one block: which variance comes in? By which factor does the mean square grow?
        Two paths: past the branch, factor 1; through it, 1/2 (ReLU) · 2 (weights) / the incoming variance.
        `variances = start + (1 - 1 / np.pi) * np.arange(blocks)`. Multiply all `1 + 1 / variances`.""",
        lesson=("14_deep_enough_to_break", "Four kinds of blocks"),
        mistakes=(OF_SKIPS,),
    ),
    Check(
        equilibrium,
        settings,
        hints="""Write down ‖w‖² after a step, from ‖w‖² before it. In the equilibrium both are the same.
        `keep**2 * s + rate**2 * gradient**2 / s == s`, where s is ‖w‖² and keep is 1 − ηλ.
        s is `rate * gradient / np.sqrt(1 - keep**2)`. `keep` is the cosine between old and new weights.""",
        lesson=("14b_decay_in_front_of_bn", "The equilibrium"),
        mistakes=(OF_EQUILIBRIUM,),
    ),
    one_change(
        "learn",
        {"depth": 24, "skip": True, "batch_norm": True, "activation": "ReLU", "rate": 0.03},
        name="effect_in_depth",
        such_as="depth=50",
        lesson=("14_deep_enough_to_break", "Which of them learn?"),
    ),
]
