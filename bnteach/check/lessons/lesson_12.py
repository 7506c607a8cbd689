"""Lesson 12, the same layer elsewhere: its exercises and their mistakes."""

import numpy as np

from ..checking import Check
from ..running import Probe
from .inputs import readable
from .one_change import one_change


def to_pytorch(momentum, moving_variance, batches, m):
    start_weight = momentum**batches
    new_momentum = 1 - momentum
    running_var = start_weight + (moving_variance - start_weight) * (m / (m - 1))
    return new_momentum, running_var


OF_PYTORCH = """
    > 12_the_same_layer_elsewhere: Momentum and ε

    momentum_not_translated: the momentum is carried over as it is
        new_momentum = momentum
        | Keras' momentum is the share of the old average, PyTorch's that of the new batch.

    > 12_the_same_layer_elsewhere: Which variance is stored

    start_value_stretched: the start value is stretched too
        running_var = moving_variance * (m / (m - 1))
        | The average began at 1, and a part of that is left. It never was a variance of a batch.

    start_weight_one: the start is given the whole weight 1
        start_weight = 1
        | The average began at 1, but this has faded: each batch multiplies its share by momentum.

    start_weight_multiplied: the share of the start is momentum times the number of batches
        start_weight = momentum * batches
        | Each batch multiplies the share by momentum: a power, not a product.
"""


def layers(rng: np.random.Generator) -> list[Probe]:
    """A Keras layer to read; then random ones after few and after many batches."""
    sizes = ((0.75, 2, 5, 2), (0.9, 5, 8, 3), (0.99, 40, 4, 4), (0.6, 3, 20, 2))
    read, *others = (
        {"momentum": p, "moving_variance": rng.uniform(0.8, 4, size=c), "batches": t, "m": m}
        for p, t, m, c in sizes
    )
    return [readable(read), *others]


def carry_over(kernel, pictures):
    weight = kernel.transpose(3, 2, 0, 1)
    x = pictures.transpose(0, 3, 1, 2)
    return weight, x


MOVED = """
    kernel_reshaped: the kernel is reshaped
        weight = kernel.reshape(kernel.shape[3], kernel.shape[2], *kernel.shape[:2])
        | The shape is right, but `reshape` keeps the values in their order. Move the axes: `transpose`.

    height_and_width_swapped: height and width of the kernel change places
        weight = kernel.transpose(3, 2, 1, 0)
        | `transpose(3, 2, 1, 0)` turns the order of all axes round. The height comes before the width.

    pictures_reshaped: the pictures are reshaped
        x = pictures.reshape(len(pictures), pictures.shape[3], *pictures.shape[1:3])
        | The shape is right, but each channel gets values of all the old ones. Move the axis: `transpose`.
"""


def kernels(rng: np.random.Generator) -> list[Probe]:
    """A small one to read; then others, whose sizes all differ, and a square one."""
    read = {"kernel": np.arange(8.0).reshape(2, 2, 1, 2), "pictures": np.arange(8.0).reshape(1, 2, 2, 2)}
    sizes = (((2, 3, 4, 5), (3, 6, 7, 4)), ((3, 3, 2, 4), (2, 5, 5, 2)))
    return [read, *({"kernel": rng.normal(size=k), "pictures": rng.normal(size=p)} for k, p in sizes)]


EXERCISES = [
    Check(
        to_pytorch,
        layers,
        hints="""Whose share does each momentum name, the old average or the new batch?
        Keras stores σ² divided by m, PyTorch by m − 1: each batch is stretched by m/(m − 1). The start too?
        The start value 1 has the weight `momentum**batches`: take it out, stretch the rest, put it back.""",
        lesson=("12_the_same_layer_elsewhere", "Which variance is stored"),
        mistakes=(OF_PYTORCH,),
    ),
    Check(
        carry_over,
        kernels,
        hints="""Axes change places, no value its meaning: `np.transpose` does that, `reshape` does not.
        In `array.transpose(3, 0, 1, 2)` the first axis of the result is the old axis 3. Which is `out`?
        The old axes of the kernel are 0 height, 1 width, 2 in, 3 out; wanted is out, in, height, width.""",
        lesson=("12_the_same_layer_elsewhere", "Layout"),
        mistakes=(MOVED,),
    ),
    one_change(
        "learn",
        {"momentum": 0.1, "eps": 1e-5},
        name="effect_of_a_default",
        such_as="momentum=0.99",
        lesson=("12_the_same_layer_elsewhere", "Momentum and ε"),
    ),
]
