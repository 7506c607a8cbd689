"""Lesson 01, measure a batch: its exercises and their mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import numpy as np

from ..answers import OddAnswer, unpacked
from ..checking import Check
from .normalizing import IN_VARIANCE, OF_COLUMNS
from .trainings import SEEDS, Trainings

READ = np.array([[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]])


def scale_like_training(train, test):
    n = len(train)
    mean = train.mean(axis=0)
    sum_of_squares = ((train - mean) ** 2).sum(axis=0)
    var = sum_of_squares / n
    inv_std = 1 / np.sqrt(var)
    scaled = (test - mean) * inv_std
    return scaled


IN_SCALING = """
    > deeper/is_a_batch_a_fair_sample: Another light

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

    > 01b_see_why_it_helps: A ravine and a bowl

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


def variance_within(batches):
    number = len(batches)
    n = batches.shape[1]
    mean = batches.mean(axis=1, keepdims=True)
    sum_of_squares = ((batches - mean) ** 2).sum(axis=1)
    var = sum_of_squares / (n - 1)
    within = var.sum(axis=0) / number
    return within


IN_BATCHES = """
    > 01_measure_a_batch: Divide by N or by N − 1?

    divided_by_n: the squared distances of a batch are divided by N
        var = sum_of_squares / n
        | Each batch knows only its own mean, which lies in the middle of its own samples. So its squared
        | distances are too small, and N − 1 makes up for it.

    divided_once: one is subtracted once, not once for each batch
        within = sum_of_squares.sum(axis=0) / (number * n - 1)
        | Each batch has a mean of its own, so each loses one: B·(N − 1).

    one_mean_for_all_batches: all batches share one mean
        mean = batches.mean(axis=(0, 1), keepdims=True)
        | Then the light counts as a difference between cars. Each batch has a mean of its own.

    root_taken: the standard deviations are averaged
        within = (var**0.5).sum(axis=0) / number
        | Asked for is the variance. And even its root is not the mean of the roots.

    > 01_measure_a_batch: Along which axis?

    axis_of_batches: the mean runs over the batches, not over the samples
        mean = batches.mean(axis=0, keepdims=True)
        | axis=0 is the axis of the batches here; the samples of a batch lie along axis 1.

    channels_mixed: one number serves all channels
        within = np.full(batches.shape[2], var.mean())
        | Each channel has its own variance.
"""


def batches_in_another_light(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Two batches to read; then more, each with means of its own; as many batches as samples and channels."""

    def random(number: int, n: int, c: int) -> dict[str, Any]:
        light = rng.normal(0, 5, (number, 1, c))
        return {"batches": light + rng.normal(3, rng.uniform(1, 4, c), (number, n, c))}

    read = np.array([[[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]], [[11.0, 0.0], [12.0, 6.0], [13.0, 3.0]]])
    return [{"batches": read}, random(5, 2, 3), random(3, 6, 4), random(4, 4, 4)]


class Ratios(Trainings):
    """Curvature ratios of networks by what is done in each layer."""

    def __call__(
        self, seed: int, subtract: bool = True, divide: bool = True, after_relu: bool = False
    ) -> float:
        return self.result(seed, bool(subtract), bool(divide), bool(after_relu))

    def setting_of(self, which: str, ratio: float) -> tuple[int, ...]:
        """What gave this ratio. Raises OddAnswer for one that nothing gave."""
        for setting in self.tried:
            if ratio in self.results[setting]:
                return setting
        raise OddAnswer(f"Your function returns as {which} a number that none of its calls of `ratio` gave.")


USUAL = (True, True, False)


def experiment(ratio, seed):
    usual = ratio(seed)
    changed = ratio(seed, divide=False)
    return usual, changed


CHANGES = """
    nothing_changed: both numbers come from the usual network
        changed = ratio(seed)
        | Then there is nothing to compare. Give `ratio` one of its settings: divide=False, for example.

    two_changes: two things are changed at once
        changed = ratio(seed, subtract=False, divide=False)
        | If the ratio changes, you will not know which of the two did it. Change one.

    usual_is_last: the usual ratio is returned last
        usual = ratio(seed, divide=False)
        changed = ratio(seed)
        | Return the usual one first. Or did you change the network that stays as it is?

    seed_not_passed_on: the changed network has another seed than the usual one
        changed = ratio(0, divide=False)
        | Then the two also differ in their weights: a second change. Give both the seed that you were given.

    no_seed_passed_on: neither network has the seed that was given
        usual = ratio(0)
        changed = ratio(0, divide=False)
        | Then five seeds are five times the same trial. Pass on the seed that you were given.
"""


def ratios(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Three seeds, none of them 0."""

    def random(seed: int) -> dict[str, Any]:
        settings = product((True, False), repeat=3)
        return {"ratio": Ratios({s: rng.uniform(10, 5000, SEEDS) for s in settings}), "seed": seed}

    return [random(seed) for seed in (1, 2, 7)]


def try_out(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """How the changed network differs from the usual one, and which seeds they have."""
    ratio, seed = inputs["ratio"], inputs["seed"]
    usual, changed = unpacked(("usual", "changed"), answer(ratio, seed))
    first, second = ratio.setting_of("usual", usual), ratio.setting_of("changed", changed)
    yield "changes_in_the_first", sum(a != b for a, b in zip(first, USUAL, strict=True))
    yield "changes_in_the_second", sum(a != b for a, b in zip(second, USUAL, strict=True))
    yield "first_has_the_seed", int(seed in ratio.tried[first])
    yield "second_has_the_seed", int(seed in ratio.tried[second])


EXERCISES = [
    Check(
        scale_like_training,
        train_and_test,
        hints=(
            "The same car must get the same numbers, in whichever set it is.",
            "So subtraction and division must be the same in both sets. Only the training set is there when "
            "the model learns.",
            "Both the mean and the standard deviation come from `train`; `test` is what they are applied to.",
        ),
        lesson=("01b_see_why_it_helps", "A ravine and a bowl"),
        mistakes=(IN_VARIANCE, IN_SCALING, OF_TRAIN),
    ),
    Check(
        variance_within,
        batches_in_another_light,
        hints=(
            "Each batch has its own mean. Along which axis of (B, N, C) do the samples of one batch lie?",
            "Each batch, N cars with one mean, gives one guess at the variance. By what must its squared "
            "distances be divided, so that the guess is right on average?",
            "`batches - batches.mean(axis=1, keepdims=True)` takes the light away. `ddof` says what is "
            "subtracted from N. At the end, take the mean over the batches.",
        ),
        lesson=("01_measure_a_batch", "Divide by N or by N − 1?"),
        mistakes=(IN_BATCHES,),
    ),
    Check(
        experiment,
        ratios,
        trial=try_out,
        hints=(
            "An experiment compares two networks that differ in one thing. How many calls is that?",
            "The usual network needs the seed alone. What does the other one need as well, and what must be "
            "the same in both?",
            "`usual = ratio(seed)`. The second call has the same seed and one more argument, such as "
            "`after_relu=True`.",
        ),
        lesson=("01b_see_why_it_helps", "Inside a network"),
        mistakes=(CHANGES,),
        has_slips=False,
    ),
]
