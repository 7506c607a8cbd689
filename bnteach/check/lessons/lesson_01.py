"""Lessons 01 and 01b, measure a batch and see why it may help: its exercises and their mistakes."""

import re

import numpy as np

from ..checking import Check
from ..running import Probe
from .inputs import readable, values
from .normalizing import IN_VARIANCE, OF_COLUMNS
from .one_change import one_change


def scale_like_training(train, test):
    n = len(train)
    mean = train.mean(axis=0)
    sum_of_squares = ((train - mean) ** 2).sum(axis=0)
    var = sum_of_squares / n
    scaled = (test - mean) / np.sqrt(var)
    return scaled


IN_SCALING = """
    > deeper/is_a_batch_a_fair_sample: Another light

    own_statistics: the test set is scaled with its own mean and standard deviation
        mean = test.mean(axis=0)
        var = test.var(axis=0)
        | Then the model gets other numbers for the same thing. And a single sample could not be scaled.

    mean_of_the_test_set: the mean is that of the test set, the standard deviation that of the training set
        scaled = (test - test.mean(axis=0)) / np.sqrt(var)
        | If all test values are higher, the model should see that. Subtracting their own mean hides it.

    std_of_the_test_set: the mean is that of the training set, but the standard deviation that of the test set
        var = test.var(axis=0)
        | Both numbers belong to one scale, and must come from the same data.

    both_sets_together: the statistics are those of both sets together
        mean = np.concatenate([train, test]).mean(axis=0)
        var = np.concatenate([train, test]).var(axis=0)
        | Then the test set has a say in training. It no longer stands for data that nobody has seen.
"""


def train_and_test(rng: np.random.Generator) -> list[Probe]:
    """Small sets to read; then test sets of another size, mean and spread than the training set."""

    def random(rows: int, test_rows: int, c: int) -> Probe:
        return {"train": values(rng, rows, c), "test": 2 * values(rng, test_rows, c)}

    return [readable(random(3, 2, 2)), random(8, 5, 3), random(5, 9, 4), random(4, 3, 4)]


def variance_within(batches):
    number = len(batches)
    n = batches.shape[1]
    mean = batches.mean(axis=1, keepdims=True)
    sum_of_squares = ((batches - mean) ** 2).sum(axis=1)
    var = sum_of_squares / (n - 1)
    within = var.sum(axis=0) / number
    return within


IN_BATCHES = """
    divided_by_n: the squared distances of a batch are divided by N
        var = sum_of_squares / n
        | The mean of a batch lies in its middle: the squared distances are too small. N − 1 makes up for it.

    divided_once: one is subtracted once, not once for each batch
        within = sum_of_squares.sum(axis=0) / (number * n - 1)
        | Each batch has a mean of its own, so each loses one: B·(N − 1).

    one_mean_for_all_batches: all batches share one mean
        mean = batches.mean(axis=(0, 1), keepdims=True)
        | Then the light counts as a difference between cars. Each batch has a mean of its own.
"""


def batches_in_another_light(rng: np.random.Generator) -> list[Probe]:
    """Two batches to read; then more, each with means of its own; as many batches as samples and channels."""

    def random(number: int, n: int, c: int) -> Probe:
        return {"batches": rng.normal(0, 5, (number, 1, c)) + values(rng, number, n, c)}

    return [readable(random(2, 3, 2)), random(5, 2, 3), random(3, 6, 4), random(4, 4, 4)]


def largest_rate(x):
    columns = np.column_stack([x, np.ones(len(x))])
    n = len(x)
    second_derivatives = 2 * columns.T @ columns / n
    largest = np.linalg.eigvalsh(second_derivatives)[-1]
    rate = 2 / largest
    return rate


IN_RATE = """
    half_kept: the rate is twice as large, as for half the mean of the squared errors
        second_derivatives = columns.T @ columns / n
        | Without the half the loss is twice as large, and so are its second derivatives.

    b_left_out: the matrix has no row and no column for b
        columns = x
        | b is learned with the same rate. Its feature is 1 for each sample.

    best_rate: this is the rate that arrives in one step along the steepest direction
        rate = 1 / largest
        | With 1/c a step arrives at the lowest point, and up to 2/c it still comes nearer.
"""


def features(rng: np.random.Generator) -> list[Probe]:
    """Three samples to read; then features off-center, as many as samples, and one below the 1 of b."""
    sizes = ((3, 2), (8, 2), (5, 3), (4, 4), (6, 1))
    read, *others, small = ({"x": values(rng, *size)} for size in sizes)
    return [readable(read), *others, {"x": 0.1 * small["x"]}]


EXERCISES = [
    Check(
        scale_like_training,
        train_and_test,
        hints="""The same car must get the same numbers, in whichever set it is.
        Only the training set is there when the model learns. So which mean, and which deviation?
        Both the mean and the standard deviation come from `train`; `test` is what they are applied to.""",
        lesson=("01_measure_a_batch", "Along which axis?"),
        mistakes=(IN_VARIANCE, IN_SCALING, re.sub(r"\bx\b", "train", OF_COLUMNS)),
    ),
    Check(
        variance_within,
        batches_in_another_light,
        hints="""Each batch has its own mean. Along which axis of (B, N, C) do the samples of one batch lie?
        Each batch gives one guess at the variance. By what is it divided to be right on average?
        `batches.mean(axis=1, keepdims=True)` is the light; `ddof` is subtracted from N. Average last.""",
        lesson=("01_measure_a_batch", "Divide by N or by N − 1?"),
        mistakes=(IN_BATCHES,),
    ),
    Check(
        largest_rate,
        features,
        hints="""One direction alone sets this limit. Which of the curvatures has to be known?
        Twice the loss has twice the second derivatives. What does that do to the limit `2 / c`?
        `np.column_stack([x, np.ones(len(x))])` has a column for b; `eigvalsh` sorts upward.""",
        lesson=("01b_see_why_it_helps", "How steep: the curvatures"),
        mistakes=(IN_RATE,),
    ),
    one_change(
        "steps",
        {"subtract": True, "divide": True, "after_relu": False},
        name="effect_on_steps",
        such_as="after_relu=True",
        lesson=("01c_see_why_in_a_network", "The curvatures"),
    ),
]
