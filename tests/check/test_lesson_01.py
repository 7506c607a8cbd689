"""Checks of lesson 01: two mistakes in one variance, and statistics of the wrong set."""

import numpy as np

from bnteach import check


def test_two_mistakes_in_one_variance():
    verdict = check.variance_within(lambda batches: batches.var(axis=(0, 1), ddof=1))
    assert set(verdict.mistakes) == {"divided_once", "one_mean_for_all_batches"}


def test_of_the_wrong_set():
    verdict = check.scale_like_training(lambda train, test: (test - test.mean(0)) / np.std(test, axis=0))
    assert verdict.mistake == "own_statistics"


def test_the_first_eigenvalue_is_not_always_the_largest():
    def answer(x):
        columns = np.column_stack([x, np.ones(len(x))])
        return 2 / np.linalg.eigvals(2 * columns.T @ columns / len(x))[0]

    for seed in range(5):
        assert check.largest_rate.judge(answer, seed).state == "not yet"
