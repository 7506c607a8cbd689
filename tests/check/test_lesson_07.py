"""Checks of lesson 07: what a rule gets wrong is told in words, and Student's t is SciPy's."""

import numpy as np
import pytest
from scipy import stats

from bnteach import check
from bnteach.check.first.exercises.outcome_trial import READ, RULE, first_word
from bnteach.training import SeedSummary
from bnteach.training.claims import outcome


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda low, high, margin: "holds", "returns 'holds', expected one of 'for it', 'against it'"),
        (lambda low, high, margin: True, "returns a bool, expected a word"),
        (lambda low, high, margin: print("for it"), "returns None"),
        (lambda low, high: "for it", "takes 2 arguments: low, high. The check calls it with 3"),
        (
            lambda low, high, margin: "for it" if high > 5 else "undecided",
            "5 of 11 intervals get a wrong word. From -5.0 to -3.0, with the margin 1, it says 'undecided', "
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


def rule_with(no_difference):
    def answer(low, high, margin):
        if low > margin:
            return "for it"
        if high < -margin:
            return "against it"
        return "no difference" if no_difference(low, high, margin) else "undecided"

    return answer


@pytest.mark.parametrize(
    ("no_difference", "key"),
    [
        (lambda low, high, margin: high - low < margin, "shorter_than_margin"),
        (lambda low, high, margin: high - low < 2 * margin, "shorter_than_band"),
        (
            lambda low, high, margin: abs(low + high) < 2 * margin and high - low < 2 * margin,
            "short_around_the_middle",
        ),
        (lambda low, high, margin: abs(low) < margin or abs(high) < margin, "or_for_and"),
        (lambda low, high, margin: -margin < (low + high) / 2 < margin, "middle_in_the_band"),
    ],
)
def test_short_intervals_that_stick_out_of_the_band_are_undecided(no_difference, key):
    assert check.interval_outcome(rule_with(no_difference)).mistakes == (key,)


def simulated(mean, var, p):
    rng = np.random.default_rng(0)
    x = mean + np.sqrt(var) * rng.normal(size=(20_000, len(mean)))
    training = (x * (rng.random(x.shape) > p) / (1 - p)).var(axis=0)
    return training, var / training


def rounded(mean, var, p):
    training = ((var + p * mean**2) / (1 - p)).round(2)
    return training, (var / training).round(2)


@pytest.mark.parametrize(
    ("answer", "words"),
    [(simulated, "It looks measured, not computed: a formula is asked for."), (rounded, "It looks rounded.")],
)
def test_a_simulation_is_told_from_a_formula(answer, words):
    verdict = check.dropout_variance(answer)
    assert verdict.mistakes == ()
    assert words in verdict.why


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    "training", [lambda mean, var, p: var / (1 - p), lambda mean, var, p: var + p * mean**2 / (1 - p)]
)
def test_a_wrong_formula_is_not_called_measured(training, seed):
    verdict = check.dropout_variance.judge(
        lambda mean, var, p: (training(mean, var, p), var / training(mean, var, p)), seed
    )
    assert verdict.state == "not yet"
    assert "measured" not in verdict.why
    assert "rounded" not in verdict.why
