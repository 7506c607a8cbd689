"""Mistakes in making the statistics of a whole from those of its blocks."""

from collections.abc import Callable

import numpy as np

from ..mistake import Mistake

WAYS = ("01_measure_a_batch", "Three ways to a variance")
MERGE = ("01_measure_a_batch", "Two batches become one")

MISTAKES = [
    Mistake(
        key="mean_of_block_means",
        title="the block means are averaged as if all blocks were equally long",
        confuses="A block of one row then counts as much as a block of a hundred. Each row should count the "
        "same.",
        mend="Weight each block by its number of rows: mean = mean + delta * n_b / (n + n_b).",
        lesson=MERGE,
        checks=("one_pass_statistics",),
        steps={"mean": lambda parts: np.mean([one["mean"] for one in parts], axis=0)},
    ),
    Mistake(
        key="latest_block_counts_half",
        title="each new block counts for one half of the mean",
        confuses="(mean + mean_b) / 2 is right for two blocks of equal length. Later, the new block is a "
        "small part of all rows, and must count for that part only.",
        mend="Move by the share of the new rows: mean = mean + delta * n_b / (n + n_b).",
        lesson=MERGE,
        checks=("one_pass_statistics",),
        steps={"mean": lambda parts: halfway([one["mean"] for one in parts])},
    ),
    Mistake(
        key="mean_of_block_variances",
        title="the block variances are averaged as if all blocks were equally long, and nothing is added",
        confuses="Two things are lost. A long block should count more than a short one. And blocks with "
        "different means spread around the common mean, which no block's own variance knows.",
        mend="Add up S of all blocks, plus delta**2 * n * n_b / (n + n_b) at each merge, and divide by n at "
        "the end.",
        lesson=MERGE,
        checks=("one_pass_statistics",),
        steps={
            "sum_of_squares": lambda parts: np.mean([one["s"] / one["n"] for one in parts], axis=0),
            "divisor": lambda n: 1,
        },
    ),
    Mistake(
        key="between_blocks_forgotten",
        title="the distance between the block means is forgotten",
        confuses="Adding the S of all blocks counts the spread inside the blocks. If their means differ, "
        "that distance is spread too.",
        mend="At each merge, S = S + S_b + delta**2 * n * n_b / (n + n_b), with delta = mean_b - mean.",
        lesson=MERGE,
        checks=("one_pass_statistics",),
        steps={"between": lambda whole_mean: 0 * whole_mean},
    ),
    Mistake(
        key="delta_not_weighted",
        title="δ² is added without its weight",
        confuses="How much the distance between two means counts depends on how many rows lie on either "
        "side.",
        mend="S = S + S_b + delta**2 * n * n_b / (n + n_b)",
        lesson=MERGE,
        checks=("one_pass_statistics",),
        steps={"between": lambda parts: between(parts, lambda delta, n, n_b: delta**2)},
    ),
    Mistake(
        key="delta_weighted_by_block",
        title="δ² is weighted with n_b alone",
        confuses="The old rows move away from the common mean as well, so the weight is n·n_b/(n + n_b). "
        "With n_b alone even the first block adds something, though there is nothing yet to be "
        "apart from.",
        mend="S = S + S_b + delta**2 * n * n_b / (n + n_b)",
        lesson=MERGE,
        checks=("one_pass_statistics",),
        steps={"between": lambda parts: between(parts, lambda delta, n, n_b: delta**2 * n_b)},
    ),
    Mistake(
        key="delta_weight_not_divided",
        title="the weight of δ² is n·n_b, not divided by n + n_b",
        confuses="S counts each row once. n·n_b counts each pair of rows.",
        mend="S = S + S_b + delta**2 * n * n_b / (n + n_b)",
        lesson=MERGE,
        checks=("one_pass_statistics",),
        steps={"between": lambda parts: between(parts, lambda delta, n, n_b: delta**2 * n * n_b)},
    ),
    Mistake(
        key="mean_moved_first",
        title="δ is measured after the mean has moved",
        confuses="δ is the distance between the mean of the rows so far and the mean of the new block. Once "
        "the mean has moved, the distance is shorter.",
        mend="Work out delta = mean_b - mean first, use it for S, and move the mean last.",
        lesson=MERGE,
        checks=("one_pass_statistics",),
        steps={
            "between": lambda parts: between(
                parts, lambda delta, n, n_b: (delta * n / (n + n_b)) ** 2 * n * n_b / (n + n_b)
            )
        },
    ),
    Mistake(
        key="old_mean_twice",
        title="Welford's S grows by d², with the old mean twice",
        confuses="In Welford's step one factor has the old mean and the other has the new one: S + d·(x − "
        "new mean). With d² even the first row adds something, though one row has no spread.",
        mend="d = x - mean; mean = mean + d / k; S = S + d * (x - mean)",
        lesson=WAYS,
        checks=("one_pass_statistics",),
        steps={"sum_of_squares": lambda parts: squares_of_steps(np.concatenate([p["rows"] for p in parts]))},
    ),
]


def between(parts: list[dict], added: Callable[[np.ndarray, int, int], np.ndarray]) -> np.ndarray:
    """Merge block after block, and add up what is added for the distance between the means."""
    n, mean, total = 0, 0.0, 0.0
    for one in parts:
        delta, both = one["mean"] - mean, n + one["n"]
        total = total + added(delta, n, one["n"])
        n, mean = both, mean + delta * one["n"] / both
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
