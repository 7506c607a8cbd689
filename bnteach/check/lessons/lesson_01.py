"""Lesson 01, measure a batch: its exercises and their mistakes."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..answers import OddAnswer, unpacked
from ..checking import Check
from .normalizing import IN_VARIANCE, OF_COLUMNS, PER_SAMPLE

READ = np.array([[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]])


def batch_statistics(x):
    n = len(x)
    mean = x.mean(axis=0)
    sum_of_squares = ((x - mean) ** 2).sum(axis=0)
    var = sum_of_squares / n
    return mean, var


IN_STATISTICS = """
    > 01_measure_a_batch: Along which axis?

    keepdims_left: the numbers are right, but keepdims leaves an axis of length 1
        mean = x.mean(axis=0, keepdims=True)
        var = x.var(axis=0, keepdims=True)
        | keepdims=True gives shape (1, C). Asked for is one number for each channel: shape (C,).

    > deeper/which_variance_survives_float32: Three ways to a variance

    mean_not_squared: the mean is subtracted from the mean of the squares without being squared
        var = (x**2).mean(axis=0) - mean
        | On paper the variance is E[x²] − E[x]², with a square on the mean too. Better is not to use this
        | formula at all: it loses digits when the mean is large.
"""


def batches(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read; two off center; one as wide as it is long, where a wrong axis raises no error."""
    sizes = ((6, 4), (9, 3), (4, 4))
    return [{"x": READ}, *({"x": rng.normal(3, rng.uniform(0.5, 4, size[1]), size)} for size in sizes)]


def far_off(rng: np.random.Generator) -> dict[str, Any]:
    """A batch in float32 whose mean is 3000 standard deviations."""
    return {"x": rng.normal(3000, 1, size=(64, 3)).astype(np.float32)}


def one_pass_statistics(blocks):
    parts = [Part(block) for block in blocks]
    n = sum(part.n for part in parts)
    middle = sum(part.n * part.mean for part in parts) / n
    mean = middle
    within = sum(part.s for part in parts)
    between = sum(part.n * (part.mean - middle) ** 2 for part in parts)
    sum_of_squares = within + between
    var = sum_of_squares / n
    return mean, var


class Part:
    """What is kept of a block; the rows only for the mistakes that go row by row."""

    def __init__(self, block: np.ndarray) -> None:
        self.n, self.mean, self.rows = len(block), block.mean(axis=0), block.copy()
        self.s = ((block - self.mean) ** 2).sum(axis=0)


MERGING = """
    > 01_measure_a_batch: Two batches become one

    mean_of_block_means: the block means are averaged as if all blocks were equally long
        mean = np.mean([part.mean for part in parts], axis=0)
        | A block of one row then counts as much as a block of a hundred. Each row should count the same.
        | Weight each block by its number of rows: mean = mean + delta * n_b / (n + n_b).

    latest_block_counts_half: each new block counts for one half of the mean
        mean = halfway([part.mean for part in parts])
        | (mean + mean_b) / 2 is right for two blocks of equal length. Later, the new block is a small part of
        | all rows, and must count for that part only: mean = mean + delta * n_b / (n + n_b).

    mean_of_block_variances: the block variances are averaged, and nothing is added
        var = np.mean([part.s / part.n for part in parts], axis=0)
        | Two things are lost. A long block should count more than a short one. And blocks with different
        | means spread around the common mean, which no block's own variance knows.

    between_blocks_forgotten: the distance between the block means is forgotten
        between = 0 * middle
        | Adding the S of all blocks counts the spread inside the blocks. If their means differ, that distance
        | is spread too. At each merge, S = S + S_b + delta**2 * n * n_b / (n + n_b), with delta = mean_b -
        | mean.

    delta_not_weighted: δ² is added without its weight
        between = merged(parts, lambda delta, m, m_b: delta**2)
        | How much the distance between two means counts depends on how many rows lie on either side: S = S +
        | S_b + delta**2 * n * n_b / (n + n_b).

    delta_weighted_by_block: δ² is weighted with n_b alone
        between = merged(parts, lambda delta, m, m_b: delta**2 * m_b)
        | The old rows move away from the common mean as well, so the weight is n·n_b/(n + n_b). With n_b
        | alone even the first block adds something, though there is nothing yet to be apart from.

    delta_weight_not_divided: the weight of δ² is n·n_b, not divided by n + n_b
        between = merged(parts, lambda delta, m, m_b: delta**2 * m * m_b)
        | S counts each row once. n·n_b counts each pair of rows.

    mean_moved_first: δ is measured after the mean has moved
        between = merged(parts, lambda delta, m, m_b: (delta * m / (m + m_b)) ** 2 * m * m_b / (m + m_b))
        | δ is the distance between the mean of the rows so far and the mean of the new block. Once the mean
        | has moved, the distance is shorter. Use delta for S first, and move the mean last.

    > deeper/which_variance_survives_float32: Three ways to a variance

    old_mean_twice: Welford's S grows by d², with the old mean twice
        sum_of_squares = squares_of_steps(np.concatenate([part.rows for part in parts]))
        | In Welford's step one factor has the old mean and the other has the new one: d = x - mean; mean =
        | mean + d / k; S = S + d * (x - mean). With d² even the first row adds something.

    not_centered: the mean is not subtracted before the squares are taken
        var = sum((part.rows**2).sum(axis=0) for part in parts) / n
        | The mean of x² measures how far the values are from 0. The variance measures how far from their
        | mean.
"""


def merged(parts: list[Part], added: Callable[[np.ndarray, int, int], np.ndarray]) -> np.ndarray:
    """Merge block after block, and add up what is added for the distance between the means."""
    n, mean, total = 0, 0.0, 0.0
    for part in parts:
        delta, both = part.mean - mean, n + part.n
        total = total + added(delta, n, part.n)
        n, mean = both, mean + delta * part.n / both
    return total


def squares_of_steps(rows: np.ndarray) -> np.ndarray:
    """The sum of d², where d leads from the mean so far to the next row."""
    mean = total = 0.0
    for k, row in enumerate(rows, start=1):
        d = row - mean
        mean, total = mean + d / k, total + d * d
    return total


def halfway(means: list[np.ndarray]) -> np.ndarray:
    """Go half of the way to each next mean."""
    mean = means[0]
    for other in means[1:]:
        mean = (mean + other) / 2
    return mean


class Blocks:
    """Blocks of rows that come one after another, once, and that must be let go."""

    def __init__(self, x: np.ndarray, sizes: tuple[int, ...]) -> None:
        self.waiting = np.split(x, np.cumsum(sizes)[:-1])
        self.given: list[weakref.ref] = []
        self.finished = False

    def __iter__(self) -> Blocks:
        if self.finished:
            raise OddAnswer("Your code reads the blocks a second time, but they can be read only once.")
        return self

    def __next__(self) -> np.ndarray:
        # The first may serve as a pattern for shapes, and a loop still holds the latest.
        kept = [number for number, block in enumerate(self.given[1:-1], start=2) if block() is not None]
        if kept:
            raise OddAnswer(
                f"Your code keeps the blocks: block {kept[0]} was still in memory when block "
                f"{len(self.given) + 1} was asked for. Keep three things and let the block go: how many rows "
                "came so far, their mean, and their sum of squared deviations."
            )
        if not self.waiting:
            self.finished = True
            raise StopIteration
        block = self.waiting.pop(0).copy()
        self.given.append(weakref.ref(block))
        return block


def read_blocks(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Hand over the rows of x in blocks."""
    names = ("mean", "var")
    return zip(names, unpacked(names, answer(Blocks(inputs["x"], inputs["block_sizes"]))), strict=True)


def streams(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Blocks to read; unequal blocks, one of a single row; equal ones; one block alone."""
    splits = ((3, 1, 5, 2), (4, 4, 4), (6,), (1, 7, 1, 1, 2))
    read = {"x": READ, "block_sizes": (2, 1)}
    return [
        read,
        *({"x": rng.normal(3, [1, 2, 4], (sum(sizes), 3)), "block_sizes": sizes} for sizes in splits),
    ]


def scale_like_training(train, test):
    n = len(train)
    mean = train.mean(axis=0)
    sum_of_squares = ((train - mean) ** 2).sum(axis=0)
    var = sum_of_squares / n
    inv_std = 1 / np.sqrt(var)
    scaled = (test - mean) * inv_std
    return scaled


IN_SCALING = """
    > 01_measure_a_batch: When a batch is not a fair sample

    own_statistics: the test set is scaled with its own mean and standard deviation
        mean = test.mean(axis=0)
        var = test.var(axis=0)
        | Then a test value is placed among its neighbors in the test set, and the model gets other numbers
        | for the same thing. A single sample could not be scaled at all.

    mean_of_the_test_set: the mean is that of the test set, the standard deviation that of the training set
        scaled = (test - test.mean(axis=0)) * inv_std
        | If all test values are higher than in training, the model should see that. Subtracting their own
        | mean hides it.

    std_of_the_test_set: the mean is that of the training set, but the standard deviation that of the test set
        var = test.var(axis=0)
        | Both numbers belong to one scale, and must come from the same data.

    both_sets_together: the statistics are those of both sets together
        mean = np.concatenate([train, test]).mean(axis=0)
        var = np.concatenate([train, test]).var(axis=0)
        | Then the test set has a say in what the model is trained on. It no longer stands for data that
        | nobody has seen.

    > 01_measure_a_batch: Two ways to one scale

    variance_for_std: the variance stands where its root belongs
        inv_std = 1 / var
        | The variance is in the square of the unit of x. Only its root has the unit of x.
"""


OF_TRAIN = re.sub(r"\bx\b", "train", OF_COLUMNS)


def train_and_test(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Small sets to read; then test sets of another size, mean and spread than the training set."""

    def shifted(rows: int, test_rows: int, columns: int) -> dict[str, Any]:
        return {
            "train": rng.normal(3, rng.uniform(1, 4, columns), (rows, columns)),
            "test": rng.normal(5, rng.uniform(2, 3, columns), (test_rows, columns)),
        }

    read = {"train": READ, "test": np.array([[3.0, 20.0], [5.0, 50.0]])}
    return [read, shifted(8, 5, 3), shifted(5, 9, 4), shifted(4, 3, 4)]


EXERCISES = [
    Check(
        batch_statistics,
        batches,
        hard_probes=lambda rng: [far_off(rng)],
        hints=(
            "The axis that you name is the one that disappears. From (N, C) to (C,): which one is that?",
            "The variance is a mean as well: the mean of the squared distances from the mean.",
            "`x - mean` works for all rows at once, because the shapes (N, C) and (C,) fit. Square it, and "
            "take the mean over `axis=0`.",
        ),
        lesson=("01_measure_a_batch", "Along which axis?"),
        mistakes=(IN_VARIANCE, OF_COLUMNS, PER_SAMPLE, IN_STATISTICS),
    ),
    Check(
        one_pass_statistics,
        streams,
        hard_probes=lambda rng: [{**far_off(rng), "block_sizes": (10, 1, 20, 33)}],
        trial=read_blocks,
        hints=(
            "Which three things do you have to remember about the rows that have gone by? The lesson says so "
            'in "Two batches become one".',
            "Keep N, μ and S, the sum of squared deviations. A new block has its own three. With δ = μ_b − "
            "μ, S grows by S_b + δ² · N · N_b / (N + N_b), and μ by δ · N_b / (N + N_b). In which order must "
            "the three be renewed?",
            "Start with `n = 0`, `mean = 0.0`, `s = 0.0`; the formulas then hold for the first block too. In "
            "the loop work out `delta` and `total = n + n_b` first, then renew `s`, then `mean`, and `n` "
            "last. Return `mean` and `s / n`.",
        ),
        lesson=("01_measure_a_batch", "Two batches become one"),
        mistakes=(IN_VARIANCE, MERGING),
    ),
    Check(
        scale_like_training,
        train_and_test,
        hints=(
            "The same car must get the same numbers, in whichever set it is.",
            "So subtraction and division must be the same in both sets. Only the training set is there when "
            "the model learns.",
            "Both the mean and the standard deviation come from `train`; `test` is what they are applied to.",
        ),
        lesson=("01_measure_a_batch", "Two ways to one scale"),
        mistakes=(IN_VARIANCE, IN_SCALING, OF_TRAIN),
    ),
]
