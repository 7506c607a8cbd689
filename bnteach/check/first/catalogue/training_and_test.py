"""Mistakes about which data the statistics come from, and which data are scaled with them."""

import numpy as np

from ..mistake import Mistake

SCALES = ("01_measure_a_batch", "Two ways to one scale")
NOT_FAIR = ("01_measure_a_batch", "When a batch is not a fair sample")

MISTAKES = [
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
        confuses="Then a test value is placed among its neighbors in the test set, and the model gets "
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
