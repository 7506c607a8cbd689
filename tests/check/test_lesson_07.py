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


@pytest.mark.parametrize("is_simulated", [True, False])
def test_a_simulation_is_told_from_a_wrong_formula(is_simulated):
    def answer(mean, var, p):
        x = mean + np.sqrt(var) * np.random.default_rng(0).normal(size=(20_000, len(mean)))
        is_kept = np.random.default_rng(1).random(x.shape) > p
        training = (x * is_kept / (1 - p)).var(axis=0) if is_simulated else var + p * mean**2 / (1 - p)
        return training, var / training

    for seed in range(5):
        assert ("measured" in check.dropout_variance.judge(answer, seed).why) == is_simulated
