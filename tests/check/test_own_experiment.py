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


@pytest.mark.parametrize(
    ("answer", "mistake"),
    [
        (lambda seed: tuple(np.random.default_rng().normal(size=2)), "not_reproducible"),
        (lambda seed: (0.5, 1.0), "seed_unused"),
        (lambda seed: (seed, 7.0), "seed_unused"),
        (lambda seed: (seed, float(seed)), "nothing_changed"),
    ],
)
def test_what_is_not_to_be_believed_is_named(answer, mistake):
    verdict = check.effect_on_ratio(answer)
    assert verdict.mistakes == (mistake,)
    assert verdict.hint(3) == check.effect_on_ratio.hints[2]
