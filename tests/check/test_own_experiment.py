"""An experiment of one's own: what is not a trial is told in words."""

import numpy as np
import pytest

from bnteach import check


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda seed: seed, "returns an int, expected 2 values: before, after"),
        (lambda seed: (np.ones(3), 1.0), "before is an array of shape (3,)"),
        (lambda seed: (seed, np.nan), "after is nan, expected a number"),
    ],
)
def test_two_numbers_are_asked_for(answer, words):
    assert words in check.effect_on_dx(answer).why


def test_a_change_that_shows_in_one_seed_of_three_is_enough():
    assert check.effect_on_dx(lambda seed: (seed, max(seed, 1))).state == "passed"


def test_a_seed_that_only_one_run_gets_is_told():
    verdict = check.effect_on_ratio(lambda seed: (seed, 7.0))
    assert "Before or after is the same number for the seeds 0, 1 and 2." in verdict.why
