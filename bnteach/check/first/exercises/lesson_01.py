"""Checks of the exercises of lesson 01."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...answers import OddAnswer, unpacked
from ..checking import Check
from ..recipe import Recipe
from ...running import Trial
from .forward_steps import MOMENTS, NORMALIZING, STATISTICS

READ = np.array([[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]])


def batches(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read; two off center; one as wide as it is long, where a wrong axis raises no error."""
    sizes = ((6, 4), (9, 3), (4, 4))
    return [{"x": READ}, *({"x": rng.normal(3, rng.uniform(0.5, 4, size[1]), size)} for size in sizes)]


def far_off(rng: np.random.Generator) -> dict[str, Any]:
    """A batch in float32 whose mean is 3000 standard deviations."""
    return {"x": rng.normal(3000, 1, size=(64, 3)).astype(np.float32)}


batch_statistics = Check(
    name="batch_statistics",
    takes=("x",),
    recipe=Recipe(STATISTICS, returns=("mean", "var")),
    probes=batches,
    hard_probes=lambda rng: [far_off(rng)],
    hints=(
        "The axis that you name is the one that disappears. From (N, C) to (C,): which one is that?",
        "The variance is a mean as well: the mean of the squared distances from the mean.",
        "`x - mean` works for all rows at once, because the shapes (N, C) and (C,) fit. Square it, and "
        "take the mean over `axis=0`.",
    ),
    lesson=("01_measure_a_batch", "Along which axis?"),
)


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


def stream(check: Check) -> Trial:
    """Hand over the rows of x in blocks."""

    def read(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        names = check.recipe.returns
        blocks = Blocks(inputs["x"], inputs["block_sizes"])
        return zip(names, unpacked(names, answer(blocks)), strict=True)

    return read


def part(block: np.ndarray) -> dict[str, Any]:
    """What is kept of a block."""
    mean = block.mean(axis=0)
    return {
        "n": len(block),
        "mean": mean,
        "s": ((block - mean) ** 2).sum(axis=0),
        "squares": (block**2).sum(axis=0),
        "rows": block.copy(),  # for the mistakes that go row by row
    }


def streams(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Blocks to read; unequal blocks, one of a single row; equal ones; one block alone."""
    splits = ((3, 1, 5, 2), (4, 4, 4), (6,), (1, 7, 1, 1, 2))
    read = {"x": READ, "block_sizes": (2, 1)}
    return [
        read,
        *({"x": rng.normal(3, [1, 2, 4], (sum(sizes), 3)), "block_sizes": sizes} for sizes in splits),
    ]


one_pass_statistics = Check(
    name="one_pass_statistics",
    takes=("blocks",),
    recipe=Recipe(
        {
            "parts": lambda blocks: [part(block) for block in blocks],
            "n": lambda parts: sum(block["n"] for block in parts),
            "whole_mean": lambda parts, n: sum(block["n"] * block["mean"] for block in parts) / n,
            "mean": lambda whole_mean: whole_mean,
            "within": lambda parts: sum(block["s"] for block in parts),
            "between": lambda parts, whole_mean: sum(
                block["n"] * (block["mean"] - whole_mean) ** 2 for block in parts
            ),
            "sum_of_squares": lambda within, between: within + between,
            "mean_of_squares": lambda parts, n: sum(block["squares"] for block in parts) / n,
            **MOMENTS,
        },
        returns=("mean", "var"),
    ),
    probes=streams,
    hard_probes=lambda rng: [{**far_off(rng), "block_sizes": (10, 1, 20, 33)}],
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
    trial=stream,
)


def train_and_test(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Small sets to read; then test sets of another size, mean and spread than the training set."""

    def shifted(rows: int, test_rows: int, columns: int) -> dict[str, Any]:
        return {
            "train": rng.normal(3, rng.uniform(1, 4, columns), (rows, columns)),
            "test": rng.normal(5, rng.uniform(2, 3, columns), (test_rows, columns)),
        }

    read = {"train": READ, "test": np.array([[3.0, 20.0], [5.0, 50.0]])}
    return [read, shifted(8, 5, 3), shifted(5, 9, 4), shifted(4, 3, 4)]


scale_like_training = Check(
    name="scale_like_training",
    takes=("train", "test"),
    recipe=Recipe(
        {
            **NORMALIZING,
            "table": lambda train: train,
            "eps": lambda: 0.0,
            "scaled": lambda test, mean, inv_std: (test - mean) * inv_std,
        },
        returns=("scaled",),
    ),
    probes=train_and_test,
    hints=(
        "The same car must get the same numbers, in whichever set it is.",
        "So subtraction and division must be the same in both sets. Only the training set is there when "
        "the model learns.",
        "Both the mean and the standard deviation come from `train`; `test` is what they are applied to.",
    ),
    lesson=("01_measure_a_batch", "Two ways to one scale"),
)

EXERCISES = [batch_statistics, one_pass_statistics, scale_like_training]
