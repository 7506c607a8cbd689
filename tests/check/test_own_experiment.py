"""An experiment of one's own: what is not a trial is told in words."""

import numpy as np
import pytest
import torch
from torch import nn

from bnteach import check
from bnteach.check.lessons.recalibrating import by_choices, choices
from bnteach.check.recipe import recipe_of
from bnteach.data import digits
from bnteach.training import mlp
from bnteach.trials import slimming

recalibrate = by_choices(recipe_of(choices))


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


def test_the_numbers_have_the_names_of_the_exercise():
    assert "expected 2 values: usual, changed." in check.effect_on_steps(lambda steps, seed: 1.0).why
    assert "expected 2 values: with BN, without BN." in check.trial_of_bn(lambda accuracy, seed: 1.0).why


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


def cut_twice(right_after_cut, seed):
    network = slimming.new_network("fully connected", seed)
    for bn in (network.bn_1, network.bn_2):
        nn.init.normal_(bn.weight, generator=torch.Generator().manual_seed(seed))
    gammas = [network.bn_1.weight.abs(), network.bn_2.weight.abs()]
    lengths = [network.linear_1.weight.norm(dim=1), network.linear_2.weight.norm(dim=1)]
    return right_after_cut(network, gammas), right_after_cut(network, lengths)


def recalibrated_twice(share_right, seed):
    pictures, network = torch.from_numpy(digits().x_train), mlp([64, 9, 10], seed=seed)
    for batches in (pictures.split(60), pictures[:1346].split(2)):
        recalibrate(network, batches)
        yield share_right(network)


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("effect_of_choice", cut_twice),
        ("effect_of_batches", lambda measure, seed: tuple(recalibrated_twice(measure, seed))),
    ],
)
def test_what_is_measured_is_seen(name, right):
    one = check.CHECKS[name]
    assert one(right).state == "passed"
    assert one(lambda measure, seed: right(measure, seed)[::-1]).mistakes == ("changed_one_first",)
    assert one(lambda measure, seed: right(measure, 0)).mistakes == ("other_seed",)
    assert one(lambda measure, seed: (right(measure, seed)[0],) * 2).mistakes == ("not_two_runs",)
