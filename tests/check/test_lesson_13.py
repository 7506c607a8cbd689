"""Lesson 13: what a fresh student would write is named, and a second look at the data is no mistake."""

import numpy as np
import pytest

from bnteach import check

MEANT = {
    "shift_not_added": lambda x: ((x - x[0]).mean(axis=0), x.var(axis=0)),
    "around_the_shift": lambda x: (x.mean(axis=0), ((x - x[0]) ** 2).mean(axis=0)),
    "whole_mean_subtracted": lambda x: (x.mean(axis=0), ((x - x[0]) ** 2).mean(axis=0) - x.mean(axis=0) ** 2),
    "shift_in_the_variance": lambda x: (x.mean(axis=0), x[0] + x.var(axis=0)),
    "n_minus_one": lambda x: (x.mean(axis=0), x.var(axis=0, ddof=1)),
    "digits_lost": lambda x: (x.mean(axis=0), (x**2).mean(axis=0) - x.mean(axis=0) ** 2),
}


@pytest.mark.parametrize("key", MEANT)
def test_a_mistake_is_named(key):
    assert key in check.shifted_statistics.judge(MEANT[key]).mistakes


SHIFTS = [lambda x: x[0], lambda x: x[-1], np.median, lambda x: x.mean(axis=0)]


@pytest.mark.parametrize("shift", SHIFTS)
def test_any_shift_near_the_values_passes(shift):
    def answer(x):
        near = x - shift(x)
        return shift(x) + near.mean(axis=0), near.var(axis=0)

    assert check.shifted_statistics.judge(answer).state == "passed"


def test_a_wrong_count_is_told_what_to_look_at():
    verdict = check.count_passes.judge(lambda: {"A": 2, "B": 2, "C": 4, "D": 0, "E": 9, "F": 2})
    assert "5 of 6 are right. Look again at B." in verdict.why
    assert "reads both sides" in verdict.why
