"""Checks of lesson 01: what is changed in an experiment is free; that it is one thing is not."""

import numpy as np
import pytest

from bnteach import check


@pytest.mark.parametrize("change", ["subtract", "divide"])
def test_any_one_change_passes(change):
    verdict = check.experiment(lambda ratio, seed: [ratio(seed), ratio(seed, **{change: False})])
    assert verdict.state == "passed"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda ratio, seed: ratio(seed) / ratio(seed, divide=False), "expected 2 values: usual, changed"),
        (lambda ratio, seed: (ratio(seed), 2 * ratio(seed)), "returns as changed a number that none"),
        (lambda ratio, seed: (2444.36, ratio(seed, divide=False)), "returns as usual a number that none"),
    ],
)
def test_what_is_no_experiment(answer, words):
    verdict = check.experiment(answer)
    assert (verdict.state, verdict.mistake) == ("not yet", None)
    assert words in verdict.why


def test_two_mistakes_in_one_variance():
    verdict = check.variance_within(lambda batches: batches.var(axis=(0, 1), ddof=1))
    assert set(verdict.mistakes) == {"divided_once", "one_mean_for_all_batches"}


def test_of_the_wrong_set():
    verdict = check.scale_like_training(lambda train, test: (test - test.mean(0)) / np.std(test, axis=0))
    assert verdict.mistake == "own_statistics"
