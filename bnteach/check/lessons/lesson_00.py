"""Lesson 00, meet batch normalization: its exercises and their mistakes."""

from itertools import product

import numpy as np

from ..checking import Check
from ..running import Probe
from .trainings import ENOUGH, Trainings, choice_of


def row_to_add(x):
    n = len(x) + 1
    total = x.sum(axis=0)
    row = n * x[0] - total
    return row


MOVING_THE_MEAN = """
    first_row_repeated: the new row is the same as the first
        row = x[0]
        | That moves the mean nearer to the first row, but not onto it: the other rows still pull it away.

    mean_added: the new row is the mean of the rows
        row = total / (n - 1)
        | Then the mean stays where it is. It has to move to the first row.

    first_row_not_subtracted: only the other rows are subtracted
        total = x[1:].sum(axis=0)
        | The first row is in the batch as well.
"""


def rows(rng: np.random.Generator) -> list[Probe]:
    """Three pictures of lesson 00; then off center; as wide as long; and one row alone."""
    read = {"x": np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0]])}
    return [read, *({"x": rng.normal(3, 2, size)} for size in ((6, 4), (4, 4), (1, 3)))]


def best_scale(train, scales):
    depths = (8, 16)
    seeds = range(5)
    accuracies = [[train(n, scale, seed) for n in depths for seed in seeds] for scale in scales]
    judged = [min(ten) for ten in accuracies]
    scale = scales[int(np.argmax(judged))]
    return scale


CHOOSING = """
    eight_layers_alone: only the networks of 8 layers are looked at
        depths = (8,)
        | A scale that suits 8 layers may be too small for 16: each layer multiplies by its factor once more.

    average_taken: the scales are compared by an average
        judged = [np.mean(ten) for ten in accuracies]
        | An average hides a network that did not learn. All ten must; so the lowest of them counts.
"""


def networks(rng: np.random.Generator) -> list[Probe]:
    """Random accuracies, so that each way to choose chooses another scale."""

    def random(scales: list[float]) -> Probe:
        results = {s: np.tile(rng.uniform(0.1, 1, ENOUGH), 2) for s in product((8, 16), scales)}
        return {"train": Trainings(("layers", "scale"), results), "scales": scales}

    return [random(scales) for scales in ([6, 10, 16], *[[2, 4, 6, 8, 10, 12, 14, 16]] * 9)]


EXERCISES = [
    Check(
        row_to_add,
        rows,
        hints="""The first row gives β when its value is exactly the mean. The mean of how many rows?
        The mean of all rows, with a new row r, is (sum of x + r) / (N + 1). Set it equal to row 0.
        Solve for r: multiply by N + 1, then subtract the sum over `axis=0`.""",
        lesson=("00_meet_batch_normalization", "Batch normalization in five lines"),
        mistakes=(MOVING_THE_MEAN,),
    ),
    Check(
        best_scale,
        networks,
        trial=choice_of("scale", among="scales"),
        has_slips=False,
        hints="""How many trainings does a scale need? Which of their accuracies says that all have learned?
        For each scale a loop over two depths, in it one over five seeds. Keep the lowest of the ten.
        `lowest = [min(...) for scale in scales]`. Where it is largest, `np.argmax` gives the position.""",
        lesson=("00_meet_batch_normalization", "Is BN the only cure?"),
        mistakes=(CHOOSING,),
    ),
]
