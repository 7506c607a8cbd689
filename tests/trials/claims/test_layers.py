"""Networks with something put in: noise, groups, biases."""

import pytest
import torch
from torch import nn

from bnteach.training import mlp
from bnteach.trials.claims.layers import (
    ChangingNoise,
    GhostBatchNorm,
    SeededDropout,
    insert_after,
    with_biases,
)

X = torch.randn(24, 64, generator=torch.Generator().manual_seed(0))


def test_what_is_inserted_follows_each_module_of_its_kind():
    base = mlp([64, 20, 15, 10])
    changed = insert_after(base, "bn", nn.ReLU)
    names = [name for name, _ in changed.named_children()]
    assert names == [
        "linear_1", "bn_1", "after_bn_1", "activation_1",
        "linear_2", "bn_2", "after_bn_2", "activation_2", "output",
    ]  # fmt: skip
    assert changed.linear_2 is base.linear_2
    assert changed.after_bn_1 is not changed.after_bn_2
    with pytest.raises(ValueError, match="kind is 'pool'"):
        insert_after(base, "pool", nn.ReLU)


def test_the_noise_moves_each_channel_as_the_paper_says_and_anew_each_time():
    noise = ChangingNoise(0.5, seed=1)
    x = torch.randn(4000, 200, generator=torch.Generator().manual_seed(0))
    first, second = noise(x), noise(x)
    mean, std = first.mean(dim=0), first.std(dim=0)
    assert 0.4 < mean.abs().max() < 0.6  # Uniform(−0.5, 0.5)
    assert mean.std() == pytest.approx(1 / 12**0.5, rel=0.15)
    assert 0.95 < std.min() < 1.05 < 1.2 < std.max() < 1.3  # Uniform(1, 1.25)
    assert (first.mean(dim=0) - second.mean(dim=0)).abs().mean() > 0.2
    within = ((first - mean) - std * x).std()
    assert within > 0.05  # each value has noise of its own too


def test_dropout_is_that_of_pytorch_with_other_random_numbers():
    x = 2 * torch.ones(2000, 50)
    ours, theirs = SeededDropout(0.3, seed=1)(x), nn.Dropout(0.3)(x)
    assert ours.unique().tolist() == pytest.approx(theirs.unique().tolist()) == [0, pytest.approx(2 / 0.7)]
    assert (ours == 0).float().mean() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("make", [ChangingNoise, SeededDropout])
def test_random_modules_repeat_themselves_alone_change_each_step_and_rest_in_evaluation(make):
    before, one, other = torch.random.get_rng_state(), make(0.5, seed=2), make(0.5, seed=2)
    first = one(X)
    assert torch.equal(first, other(X))
    assert not torch.equal(first, one(X))
    assert not torch.equal(first, make(0.5, seed=3)(X))
    assert torch.equal(one.eval()(X), X)
    assert torch.equal(before, torch.random.get_rng_state())


def test_groups_are_normalized_one_by_one_as_pytorch_does():
    ours, theirs = GhostBatchNorm(64, size=6), nn.BatchNorm1d(64)
    for layer in (ours, theirs):
        nn.init.uniform_(layer.weight, 0.5, 2, generator=torch.Generator().manual_seed(1))
        nn.init.uniform_(layer.bias, -1, 1, generator=torch.Generator().manual_seed(2))
    expected = torch.cat([theirs(part) for part in X.split(6)])
    assert torch.equal(ours(X), expected)
    assert torch.equal(ours.running_var, theirs.running_var)
    assert torch.equal(ours.eval()(X), theirs.eval()(X))


@pytest.mark.parametrize("position", ["before", "after"])
def test_a_bias_right_before_bn_is_invisible_and_elsewhere_it_is_not(position):
    base = mlp([64, 20, 15, 10], bn_position=position)
    biased = with_biases(base, seed=1, start="normal")
    assert biased.linear_2.weight is base.linear_2.weight
    assert biased.linear_2.bias.std() > 0.5
    assert biased.output is base.output
    same = torch.allclose(biased(X), base(X), atol=1e-5)
    assert same == (position == "before")


def test_biases_begin_as_they_are_asked_to():
    zero, default = (with_biases(mlp([64, 900, 10]), 0, start).linear_1.bias for start in ("zero", "default"))
    assert not zero.any()
    assert 0.1 < default.abs().max() <= 1 / 8  # within ±1/√64
    assert default.requires_grad
    with pytest.raises(ValueError, match="start is 'ones'"):
        with_biases(mlp([64, 5, 10]), 0, "ones")
