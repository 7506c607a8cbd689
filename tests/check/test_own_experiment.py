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


def test_a_share_is_asked_for_where_the_exercise_says_so():
    def in_percent(seed):
        return 0.5 + seed / 10, 97.5 + seed

    assert check.effect_on_dx(in_percent).state == "passed"
    assert "after is 97.5, expected a share, from 0 to 1." in check.effect_of_batches(in_percent).why


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
    verdict = check.effect_on_dx(answer)
    assert verdict.mistakes == (mistake,)
    assert verdict.hint(3) == check.effect_on_dx.hints[2]


@pytest.mark.parametrize(
    ("answer", "mistake"),
    [
        (lambda steps, seed: (steps(seed), steps(seed)), "not_two_runs"),
        (lambda steps, seed: (1.0, 2.0), "not_two_runs"),
        (lambda steps, seed: (steps(seed), steps(seed + 1, divide=False)), "other_seed"),
        (lambda steps, seed: (steps(0), steps(0, divide=False)), "other_seed"),
        (lambda steps, seed: (steps(seed, False), steps(seed, divide=False)), "nothing_usual"),
        (lambda steps, seed: (steps(seed), steps(seed, False, False)), "several_changes"),
        (lambda steps, seed: (steps(seed, after_relu=True), steps(seed)), "changed_one_first"),
    ],
)
def test_two_runs_that_differ_in_one_setting_are_asked_for(answer, mistake):
    assert check.effect_on_steps(answer).mistakes == (mistake,)


def test_one_changed_setting_passes_however_it_is_written():
    for answer in (
        lambda steps, seed: (steps(seed), steps(seed, True, False)),
        lambda steps, seed: [steps(seed=seed), steps(seed=seed, after_relu=True, divide=True)],
    ):
        assert check.effect_on_steps(answer).state == "passed"
    assert check.effect_of_a_default(lambda learn, seed: (learn(seed), learn(seed, eps=1))).state == "passed"


@pytest.mark.parametrize(("momentum", "mistakes"), [(0.5, ()), (0.4, ("other_change",))])
def test_where_the_changes_are_listed_another_one_is_named(momentum, mistakes):
    def answer(distance, seed):
        return distance(seed), distance(seed, momentum=momentum)

    assert check.effect_on_distance(answer).mistakes == mistakes
