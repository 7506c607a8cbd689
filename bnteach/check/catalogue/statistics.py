"""Mistakes in the mean and the variance, and in what they are measured on."""

from collections.abc import Callable

import numpy as np

from ..mistake import Mistake

AXIS = ("01_measure_a_batch", "Along which axis?")
DIVISOR = ("01_measure_a_batch", "Divide by N or by N − 1?")
WAYS = ("01_measure_a_batch", "Three ways to a variance")
MERGE = ("01_measure_a_batch", "Two batches become one")
SCALES = ("01_measure_a_batch", "Two ways to one scale")
NOT_FAIR = ("01_measure_a_batch", "When a batch is not a fair sample")

FORWARD = ("batch_statistics", "standardize", "identity_parameters", "batch_norm_forward")

MISTAKES = [
    Mistake(
        key="n_minus_one",
        title="the variance divides by n − 1",
        confuses="n − 1 estimates the variance of a population from a sample. To give these very values a "
        "variance of 1, as BN does, divide by n.",
        mend="Use x.var(axis=0), or ((x - mean)**2).sum(axis=0) / n.",
        lesson=DIVISOR,
        checks=(*FORWARD, "one_pass_statistics", "scale_like_training", "batch_norm_backward"),
        steps={"divisor": lambda n: n - 1},
    ),
    Mistake(
        key="sum_not_divided",
        title="the squared deviations are added up, but not divided by n",
        confuses="The variance is a mean of squared deviations. Their sum S grows with the batch; S / n "
        "does not.",
        mend="Divide by the number of rows: ((x - mean)**2).sum(axis=0) / n, or use .mean(axis=0).",
        lesson=WAYS,
        checks=(*FORWARD, "one_pass_statistics"),
        steps={"divisor": lambda n: 1},
    ),
    Mistake(
        key="wrong_axis",
        title="the statistics run over axis 1, along a sample",
        confuses="The axis that you name is the one that disappears. axis=1 mixes the channels of one "
        "sample; BN wants one mean for each channel, over all samples. When N = C, no error tells "
        "you.",
        mend="Use axis=0 for the mean and for the variance.",
        lesson=AXIS,
        checks=(*FORWARD, "scale_like_training"),
        steps={
            "n": lambda table: table.shape[1],
            "mean": lambda table: table.mean(axis=1),
            "sum_of_squares": lambda table: ((table - table.mean(axis=1, keepdims=True)) ** 2).sum(axis=1),
        },
    ),
    Mistake(
        key="wrong_axis_by_hand",
        title="the statistics run over axis 1, along a sample",
        confuses="The axis that you name is the one that disappears. axis=1 mixes the channels of one "
        "sample; BN wants one mean for each channel, over all samples. When N = C, no error tells "
        "you.",
        mend="Use axis=0 for the mean and for the variance.",
        lesson=AXIS,
        checks=FORWARD,
        steps={
            "n": lambda table: table.shape[1],
            "mean": lambda table: table.mean(axis=1),
            "sum_of_squares": lambda centred: (centred**2).sum(axis=1),
        },
    ),
    Mistake(
        key="per_sample",
        title="each sample is normalized by itself (axis 1, with keepdims)",
        confuses="With keepdims=True the wrong axis always fits, so no error tells you. This is layer "
        "normalization: it compares the channels of one sample, not the samples of one channel.",
        mend="Use axis=0. Then keepdims is not needed.",
        lesson=AXIS,
        checks=("batch_statistics", "standardize", "batch_norm_forward"),
        steps={
            "n": lambda table: table.shape[1],
            "mean": lambda table: table.mean(axis=1, keepdims=True),
            "sum_of_squares": lambda table: ((table - table.mean(axis=1, keepdims=True)) ** 2).sum(
                axis=1, keepdims=True
            ),
        },
    ),
    Mistake(
        key="one_mean_for_all",
        title="one mean and one variance serve all channels",
        confuses="Without an axis, NumPy takes the mean of all values. Then years and kilometres share one "
        "mean, and no channel has mean 0 afterwards.",
        mend="Name the axis: x.mean(axis=0) and x.var(axis=0).",
        lesson=AXIS,
        checks=(*FORWARD, "scale_like_training"),
        steps={
            "n": lambda table: table.size,
            "mean": lambda table: table.mean(),
            "sum_of_squares": lambda table: ((table - table.mean()) ** 2).sum(),
        },
    ),
    Mistake(
        key="one_variance_for_all",
        title="each channel has its own mean, but one variance serves all channels",
        confuses="x.var() without an axis is the variance of all values. It does not know that one channel "
        "is wide and another one narrow.",
        mend="Name the axis: x.var(axis=0).",
        lesson=AXIS,
        checks=(*FORWARD, "scale_like_training"),
        steps={
            "n": lambda table: table.size,
            "sum_of_squares": lambda table: ((table - table.mean()) ** 2).sum(),
        },
    ),
    Mistake(
        key="keepdims_left",
        title="the numbers are right, but keepdims leaves an axis of length 1",
        confuses="keepdims=True gives shape (1, C). Asked for is one number for each channel: shape (C,).",
        mend="Leave keepdims away, or take row 0 of what you have.",
        lesson=AXIS,
        checks=("batch_statistics", "identity_parameters"),
        steps={
            "mean": lambda table: table.mean(axis=0, keepdims=True),
            "sum_of_squares": lambda table: ((table - table.mean(axis=0)) ** 2).sum(axis=0, keepdims=True),
        },
    ),
    Mistake(
        key="std_for_variance",
        title="the standard deviation stands where the variance belongs",
        confuses="The standard deviation is the root of the variance. x.std() has taken the root already.",
        mend="Use x.var(axis=0): it is the mean of the squared deviations, without a root.",
        lesson=WAYS,
        checks=(*FORWARD, "one_pass_statistics", "scale_like_training"),
        steps={"var": lambda sum_of_squares, divisor: np.sqrt(sum_of_squares / divisor)},
    ),
    Mistake(
        key="not_centred",
        title="the mean is not subtracted before the squares are taken",
        confuses="The mean of x² measures how far the values are from 0. The variance measures how far they "
        "are from their mean.",
        mend="Subtract the mean first, then square: ((x - mean)**2).mean(axis=0).",
        lesson=WAYS,
        checks=(*FORWARD, "one_pass_statistics", "scale_like_training"),
        steps={"var": lambda mean_of_squares: mean_of_squares},
    ),
    Mistake(
        key="mean_not_squared",
        title="the mean is subtracted from the mean of the squares without being squared",
        confuses="On paper the variance is E[x²] − E[x]², with a square on the mean too. Better is not to "
        "use this formula at all: it loses digits when the mean is large.",
        mend="Subtract the mean first, then square: ((x - mean)**2).mean(axis=0).",
        lesson=WAYS,
        checks=("batch_statistics", "one_pass_statistics"),
        steps={"var": lambda mean_of_squares, mean: mean_of_squares - mean},
    ),
    Mistake(
        key="last_row_left_out",
        title="the last row is left out",
        confuses="range(n - 1) ends at n − 2, and x[:-1] leaves the last row out. Each sample counts.",
        mend="Go over all rows: range(len(x)), or x itself.",
        lesson=WAYS,
        checks=("batch_statistics", "identity_parameters"),
        steps={"table": lambda x: x[:-1]},
    ),
    Mistake(
        key="not_squared",
        title="the deviations are averaged without being squared",
        confuses="Deviations from the mean sum to 0: what lies above and what lies below cancel. Squares "
        "cannot cancel.",
        mend="Square before you average: ((x - mean)**2).mean(axis=0).",
        lesson=WAYS,
        checks=("batch_statistics", "one_pass_statistics"),
        steps={"sum_of_squares": lambda mean: 0 * mean},
    ),
    Mistake(
        key="absolute_deviation",
        title="absolute deviations stand where squared ones belong",
        confuses="The mean of |x − μ| is a measure of spread too, but it is not the variance, nor its root.",
        mend="Square instead: ((x - mean)**2).mean(axis=0).",
        lesson=WAYS,
        checks=("batch_statistics", "standardize", "batch_norm_forward"),
        steps={"sum_of_squares": lambda centred: np.abs(centred).sum(axis=0)},
    ),
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
    Mistake(
        key="mean_of_the_test_set",
        title="the standard deviation is that of the training set, but the mean that of the test set",
        confuses="If all test values are higher than in training, the model should see that. Subtracting "
        "their own mean hides it.",
        mend="Take both from train: train.mean(axis=0) and train.std(axis=0).",
        lesson=NOT_FAIR,
        checks=("scale_like_training",),
        steps={"scaled": lambda test, inv_std: (test - test.mean(axis=0)) * inv_std},
    ),
    Mistake(
        key="own_statistics",
        title="the test set is scaled with its own mean and standard deviation",
        confuses="Then a test value is placed among its neighbours in the test set, and the model gets "
        "other numbers for the same thing. A single sample could not be scaled at all.",
        mend="Measure on train, use on test: (test - train.mean(axis=0)) / train.std(axis=0).",
        lesson=NOT_FAIR,
        checks=("scale_like_training",),
        steps={"table": lambda test: test},
    ),
    Mistake(
        key="both_sets_together",
        title="the statistics are those of both sets together",
        confuses="Then the test set has a say in what the model is trained on. It no longer stands for data "
        "that nobody has seen.",
        mend="Measure on train alone: train.mean(axis=0) and train.std(axis=0).",
        lesson=NOT_FAIR,
        checks=("scale_like_training",),
        steps={"table": lambda train, test: np.concatenate([train, test])},
    ),
    Mistake(
        key="std_of_the_test_set",
        title="the mean is that of the training set, but the standard deviation that of the test set",
        confuses="Both numbers belong to one scale, and must come from the same data.",
        mend="Take both from train: train.mean(axis=0) and train.std(axis=0).",
        lesson=NOT_FAIR,
        checks=("scale_like_training",),
        steps={
            "n": lambda test: len(test),
            "sum_of_squares": lambda test: ((test - test.mean(axis=0)) ** 2).sum(axis=0),
        },
    ),
    Mistake(
        key="training_set_scaled",
        title="the training set is scaled, not the test set",
        confuses="The training set gives the statistics. What is scaled with them, and returned, is the "
        "test set.",
        mend="Write test where the mean is subtracted: (test - train.mean(axis=0)) / train.std(axis=0).",
        lesson=SCALES,
        checks=("scale_like_training",),
        steps={"scaled": lambda train, mean, inv_std: (train - mean) * inv_std},
    ),
    Mistake(
        key="min_max",
        title="this is min–max scaling, not the z-score",
        confuses="Min–max uses the smallest and the largest value. The z-score uses the mean and the "
        "standard deviation.",
        mend="(test - train.mean(axis=0)) / train.std(axis=0)",
        lesson=SCALES,
        checks=("scale_like_training",),
        steps={"scaled": lambda train, test: (test - train.min(axis=0)) / np.ptp(train, axis=0)},
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
