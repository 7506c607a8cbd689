"""Lesson 07: the rule is that of the lesson; what it gets wrong is told; a simulation is no formula."""

import numpy as np
import pytest

from bnteach import check
from bnteach.check.lessons.lesson_07 import READ, WORDS, interval_outcome
from bnteach.training import SeedSummary
from bnteach.training.claims import outcome

HIGH = "5 of 11 intervals get a wrong word. From -5.0 to -3.0, with the margin 1, it says 'undecided'"
MARGIN = "With the margin 1 it says the right words, with another margin it does not."


def test_the_rule_is_that_of_the_lesson():
    """The lowest and the highest of two seeds are the ends that the exercise is given."""
    for low, high in READ.tolist():
        assert outcome(SeedSummary(np.array([low, high])), 1) == interval_outcome(low, high, 1.0)
    assert {interval_outcome(low, high, 1.0) for low, high in READ.tolist()} == set(WORDS)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda low, high, margin: "holds", "returns 'holds', expected one of 'for it', 'against it'"),
        (lambda low, high, margin: "for it" if high > 5 else "undecided", HIGH),
        (lambda low, high, margin: interval_outcome(low, high, margin**2), MARGIN),
    ],
)
def test_what_is_wrong_with_a_rule_is_told_in_words(answer, words):
    assert words in check.interval_outcome(answer).why


@pytest.mark.parametrize(
    ("trial", "mistake"),
    [
        (lambda accuracy, seed: (accuracy(seed, False, 6), accuracy(seed, False, 6)), "not_two_runs"),
        (lambda accuracy, seed: (accuracy(seed, layers=6), accuracy(seed, layers=1)), "not_two_runs"),
        (lambda accuracy, seed: (accuracy(seed, True, 6), accuracy(seed + 1, False, 6)), "other_seed"),
        (lambda accuracy, seed: (accuracy(0, True, 6), accuracy(0, False, 6)), "seed_ignored"),
        (lambda accuracy, seed: (accuracy(seed), accuracy(seed, False, 6)), "unequal_conditions"),
        (lambda accuracy, seed: (accuracy(seed), accuracy(seed, False)), "condition_of_the_lesson"),
        (lambda accuracy, seed: (accuracy(seed, False, 6), accuracy(seed, layers=6)), "without_bn_first"),
    ],
)
def test_a_trial_of_bn_has_two_runs_under_one_new_condition(trial, mistake):
    assert check.trial_of_bn(trial).mistakes == (mistake,)


def test_a_typed_t_of_twenty_seeds_is_named():
    def answer(with_bn, without_bn, t):
        d = with_bn - without_bn
        half = t * d.std(ddof=1) / np.sqrt(len(d))
        return d.mean(), d.mean() - half, d.mean() + half

    verdict = check.difference_interval(lambda with_bn, without_bn: answer(with_bn, without_bn, 2.09))
    assert "that of 20 seeds" in verdict.why


def test_a_trial_of_bn_passes_in_whatever_order_it_is_run():
    def answer(accuracy, seed):
        with_bn, without = (accuracy(seed, batch_norm=bn, activation="sigmoid") for bn in (True, False))
        return with_bn, without

    assert check.trial_of_bn(answer).state == "passed"


@pytest.mark.parametrize(("band_first", "mistake"), [(False, "zero_for_margin"), (True, "zero_outside_band")])
def test_zero_in_the_place_of_the_margin_is_named(band_first, mistake):
    def answer(low, high, margin):
        is_inside = -margin <= low and high <= margin
        if (low > 0 or high < 0) and not (band_first and is_inside):
            return "for it" if low > 0 else "against it"
        return "no difference" if is_inside else "undecided"

    assert check.interval_outcome(answer).mistakes == (mistake,)
