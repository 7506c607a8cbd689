"""Lesson 13, make it fast: its exercises and their mistakes."""

import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..answers import OddAnswer, unpacked
from ..checking import Check
from ..recipe import Recipe
from ..running import Probe
from .inputs import values
from .letters import named_letters
from .one_change import one_change

PASSES = """
    A 2: one array is read, one is written; the 1 is no array.
    B 3: `+=` reads both sides, and writes.
    C 4: the difference becomes an array first.
    D 0: a slice is a view: are any values moved?
    E 9: there are four operations, and each writes an array of its own.
    F 2: are the products ever written?
"""


def shifted_statistics(x):  # the learner takes x in blocks
    n = len(x)
    shift = x[0]
    near = x - shift
    average = near.sum(axis=0) / n
    squares = (near**2).sum(axis=0)
    mean = shift + average
    var = squares / n - average**2
    return mean, var


OF_SHIFTING = """
    > 13b_keep_it_in_the_cache: Get the digits back

    blocks_read_twice: the variance is 0, as if there had been nothing to add
        var = 0 * average
        | Each block comes only once: a second loop over `blocks` finds none. Sum both in one loop.

    whole_mean_subtracted: the mean of x is squared and subtracted, not that of the shifted values
        var = squares / n - mean**2
        | The squares are those of the shifted values, so the mean must be theirs, too.

    > 01_measure_a_batch: Divide by N or by N − 1?

    n_minus_one: the variance divides by n − 1
        var = (squares - n * average**2) / (n - 1)
        | BN normalizes with the variance divided by n.
"""


def far_columns(rng: np.random.Generator) -> list[Probe]:
    """Mean over standard deviation is 10 000 in float32; in float64 so much that its digits do not help.

    No shift suits all channels: their means differ.
    """
    x, sides = rng.normal(0, 1, size=(500, 3)), np.array([1, -1, 2])
    return [{"x": (x + 1e4 * sides).astype(np.float32)}, {"x": x + 1e8 * sides}]


def one_look(x: np.ndarray) -> Iterator[np.ndarray]:
    """x in blocks of two rows; whoever keeps more than the first and the last of them is stopped."""
    given: list[weakref.ref[np.ndarray]] = []
    for start in range(0, len(x), 2):
        if sum(block() is not None for block in given) > 2:
            raise OddAnswer("Your function keeps the blocks; they may not fit the memory: let each one go.")
        block = x[start : start + 2].copy()
        given.append(weakref.ref(block))
        yield block


def in_blocks(answer: Any, inputs: Probe) -> Iterable[tuple[str, Any]]:
    """Call the function once, with an iterator of blocks."""
    names = "mean", "var"
    return zip(names, unpacked(names, answer(one_look(inputs["x"]))), strict=True)


def of_blocks(recipe: Recipe) -> Callable[..., Any]:
    """The recipe as an answer that takes blocks."""

    def answer(blocks):
        x = np.vstack([block.copy() for block in blocks])
        return tuple(recipe.values({"x": x}, recipe.returns).values())

    return answer


EXERCISES = [
    named_letters(
        "count_passes",
        PASSES,
        others=range(20),
        hints="""Take a line operation by operation. Which whole arrays does each read? Which does it write?
        A number, or one number for each channel, is no pass. What has no name is written, too.
        `a * x + b * z + c` has the operations `a * x`, `b * z`, the sum of both, and `+ c`.""",
        lesson=("13_make_it_fast", "Count the passes"),
    ),
    Check(
        shifted_statistics,
        lambda rng: [{"x": np.array([[2.0], [3], [7]])}, {"x": values(rng, 5, 3)}, {"x": values(rng, 8, 2)}],
        hard_probes=far_columns,
        takes=("blocks",),
        answer=of_blocks,
        trial=in_blocks,
        hints="""Subtract something near the values first. Which value do you have before any sum?
        Shift by the first row. Add up `near = block - shift`, its squares, the rows. What does it change?
        With `average = total / n`: mean `shift + average`, variance `squares / n - average**2`.""",
        lesson=("13b_keep_it_in_the_cache", "Get the digits back"),
        mistakes=(OF_SHIFTING,),
    ),
    one_change(
        "seconds_of_a_value",
        {"channels": 64, "positions": 784, "samples": 32, "float64": False, "channels_last": False},
        name="effect_on_time",
        such_as="channels=128",
        lesson=("13_make_it_fast", "Why memory decides"),
    ),
]
