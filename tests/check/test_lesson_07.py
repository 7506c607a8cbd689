"""Checks of lesson 07: what a rule gets wrong is told in words, and Student's t is SciPy's."""

import numpy as np
import pytest
from scipy import stats

from bnteach import check
from bnteach.check.exercises.outcome_trial import READ, RULE, first_word
from bnteach.training import SeedSummary
from bnteach.training.verdicts import outcome


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda low, high, margin: "holds", "returns 'holds', expected one of 'for it', 'against it'"),
        (lambda low, high, margin: True, "returns a bool, expected a word"),
        (lambda low, high, margin: print("for it"), "returns None"),
        (lambda low, high: "for it", "takes 2 arguments: low, high. The check calls it with 3"),
        (
            lambda low, high, margin: "for it" if high > 5 else "undecided",
            "5 of 8 intervals get a wrong word. From -5.0 to -3.0, with the margin 1, it says 'undecided', "
            "expected 'against it'.",
        ),
        (
            lambda low, high, margin: first_word(RULE, {"low": low, "high": high, "margin": margin**2}),
            "With the margin 1 it says the right words, with another margin it does not.",
        ),
    ],
)
def test_what_is_wrong_with_a_rule_is_told_in_words(answer, words):
    verdict = check.interval_outcome(answer)
    assert verdict.state == "not yet"
    assert verdict.mistakes == ()
    assert words in verdict.why


def test_nothing_is_told_of_a_rule_that_is_not_written():
    def interval_outcome(low, high, margin):
        raise NotImplementedError

    assert check.interval_outcome(interval_outcome).state == "not attempted"


def test_the_rule_is_that_of_the_lesson():
    """`outcome` wants seeds: two of them have an interval of any length that one likes."""
    for low, high in READ.tolist():
        apart = (high - low) / 2 / stats.t.ppf(0.975, 1)
        effect = SeedSummary((high + low) / 2 + np.array([-apart, apart]))
        assert outcome(effect, 1) == first_word(RULE, {"low": low, "high": high, "margin": 1.0})


def test_all_outcomes_are_asked_for():
    words = [first_word(RULE, {"low": low, "high": high, "margin": 1.0}) for low, high in READ.tolist()]
    assert set(words) == {"for it", "against it", "no difference", "undecided"}


@pytest.mark.parametrize("t", [1.96, 2.0, 2.5])
def test_another_t_is_not_named_as_student_s(t):
    def answer(with_bn, without_bn):
        difference = with_bn - without_bn
        half = t * difference.std(ddof=1) / len(difference) ** 0.5
        return difference.mean(), difference.mean() - half, difference.mean() + half

    assert check.difference_interval(answer).mistake == ("normal_for_t" if t == 1.96 else None)
