"""Slimming: the penalty is its subgradient, and what is cut was silent."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from bnteach.data import digits
from bnteach.training import mlp, small_cnn, training_steps
from bnteach.trials.slimming.cutting import cut
from bnteach.trials.slimming.gamma import (
    batch_norms,
    channels_above,
    gamma_sizes,
    l1_on_gamma,
    random_channels,
    silenced,
    strongest,
    threshold_for,
)
from bnteach.trials.slimming.rescaling import rescaled

PICTURE = (1, 8, 8)


def lived_in(model, seed=0):
    """The network in float64 and evaluation mode, with γ, β and statistics as if it had a life behind it."""
    random = torch.Generator().manual_seed(seed)
    model = model.double().eval()
    for bn in batch_norms(model).values():
        for values, off in ((bn.weight, 0.3), (bn.bias, 0.4), (bn.running_mean, 0.5), (bn.running_var, None)):
            drawn = torch.randn(len(values), generator=random, dtype=torch.float64)
            values.data = drawn + off if off else drawn**2 + 0.2
    return model


def without_padding():
    return nn.Sequential(
        *(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5), nn.Tanh(), nn.Conv2d(5, 4, (2, 3), stride=2, bias=True)),
        *(nn.BatchNorm2d(4), nn.SiLU(), nn.AdaptiveAvgPool2d((1, 2)), nn.Flatten(), nn.Linear(8, 10)),
    )


NETWORKS = {
    "mlp": (lambda: mlp([64, 9, 7, 10], nn.ReLU), (64,)),
    "mlp, sigmoid": (lambda: mlp([64, 9, 7, 10], nn.Sigmoid), (64,)),
    "convolutions": (lambda: small_cnn(channels=(5, 7)), PICTURE),
    "no padding": (without_padding, PICTURE),
}


def made(name):
    build, shape = NETWORKS[name]
    model = lived_in(build())
    x = torch.randn(6, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    keep = channels_above(model, threshold_for(model, 0.5))
    assert all(0 < int(mask.sum()) < len(mask) for mask in keep.values())
    return model, x, keep


def largest_difference(one, other):
    return (one - other).abs().max().item()


def test_the_penalty_is_what_autograd_gives_for_the_loss_plus_the_sum_of_sizes():
    model = lived_in(mlp([64, 9, 7, 10]), seed=3).train()
    twin = copy.deepcopy(model)
    x, y = torch.randn(12, 64, dtype=torch.float64), torch.arange(12) % 10
    penalty = 0.07 * sum(bn.weight.abs().sum() for bn in batch_norms(twin).values())
    (nn.functional.cross_entropy(twin(x), y) + penalty).backward()
    with l1_on_gamma(model, 0.07):
        nn.functional.cross_entropy(model(x), y).backward()
    assert any((bn.weight < 0).any() for bn in batch_norms(model).values())
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, rtol=0, atol=1e-12)


def test_the_penalty_ends_with_the_block_also_after_an_error():
    model = nn.Sequential(nn.BatchNorm1d(2))
    with pytest.raises(RuntimeError, match="stop"), l1_on_gamma(model, 1.0):
        raise RuntimeError("stop")
    (0 * model(torch.randn(4, 2)).sum()).backward()
    assert model[0].weight.grad.tolist() == [0, 0]


def test_at_zero_nothing_pulls():
    model = nn.Sequential(nn.BatchNorm1d(2))
    model[0].weight.data = torch.tensor([0.0, -2.0])
    with l1_on_gamma(model, 0.5):
        (0 * model(torch.randn(4, 2)).sum()).backward()
    assert model[0].weight.grad.tolist() == [0, -0.5]


def test_the_pull_makes_gammas_smaller_in_a_real_training():
    def mean_size(strength):
        model = small_cnn(seed=0)
        with l1_on_gamma(model, strength):
            for _ in training_steps(model, digits().images(), epochs=4):
                pass
        return np.mean([bn.weight.abs().mean().item() for bn in batch_norms(model).values()])

    assert mean_size(0.1) < 0.7 * mean_size(0.0)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9])
def test_the_threshold_takes_the_share(share):
    model = lived_in(mlp([64, 9, 11, 10]))
    sizes = np.concatenate([abs(bn.weight.detach().numpy()) for bn in batch_norms(model).values()])
    below = (sizes < threshold_for(model, share)).sum()
    assert below == round(share * 20)


def test_each_layer_keeps_its_largest():
    model = lived_in(mlp([64, 9, 7, 10]))
    for name, mask in channels_above(model, 1e9).items():
        assert mask.sum() == 1
        assert mask[model.get_submodule(name).weight.abs().argmax()]


def test_within_its_layer_a_factor_on_the_layer_changes_nothing():
    model = lived_in(mlp([64, 9, 7, 10]))
    before = channels_above(model, 0.4, in_layer=True)
    share = {name: abs(bn.weight.detach().numpy()) for name, bn in batch_norms(model).items()}
    model.bn_1.weight.data *= -0.01
    assert all(
        torch.equal(mask, before[name]) for name, mask in channels_above(model, 0.4, in_layer=True).items()
    )
    assert channels_above(model, 0.4)["bn_1"].sum() == 1
    for name, values in share.items():
        assert gamma_sizes(model, in_layer=True)[name].numpy() == pytest.approx(values / values.max())
    cut_away = [
        ~mask
        for mask in channels_above(model, threshold_for(model, 0.5, in_layer=True), in_layer=True).values()
    ]
    assert torch.cat(cut_away).sum() == 8


def test_the_strongest_are_the_largest_of_each_layer():
    model = lived_in(mlp([64, 9, 7, 10]))
    keep = strongest(model, {"bn_1": 4, "bn_2": 6})
    assert [int(mask.sum()) for mask in keep.values()] == [4, 6]
    for name, mask in keep.items():
        size = model.get_submodule(name).weight.abs()
        assert size[mask].min() > size[~mask].max()


@pytest.mark.parametrize("with_bias", [False, True])
def test_a_rescaled_network_says_the_same_and_batches_agree(with_bias):
    model = lived_in(mlp([64, 9, 7, 8, 10], nn.LeakyReLU))
    if with_bias:
        model.linear_2.bias = nn.Parameter(torch.randn(7, dtype=torch.float64))
    for bn in batch_norms(model).values():
        bn.eps = 1e-14
    other, x = rescaled(model, largest=0.02), torch.randn(16, 64, dtype=torch.float64)
    assert other.bn_1.weight.abs().max().item() == pytest.approx(0.02)
    assert torch.equal(other.bn_3.weight, model.bn_3.weight)
    assert largest_difference(other(x), model(x)) < 1e-9
    assert largest_difference(other.train()(x), model.train()(x)) < 1e-9


def test_rescaling_refuses_what_does_not_pass_a_factor_on():
    with pytest.raises(TypeError, match="a Sigmoid follows bn_1"):
        rescaled(mlp([8, 4, 3, 2]))
    model = mlp([8, 4, 3, 2], nn.ReLU)
    nn.init.zeros_(model.bn_1.weight)
    with pytest.raises(ValueError, match="bn_1 has γ = 0 everywhere"):
        rescaled(model)


def test_random_channels_are_as_many_and_others():
    keep = {"bn_1": torch.arange(40) < 10}
    draws = [random_channels(keep, seed)["bn_1"] for seed in (0, 0, 1)]
    assert all(draw.sum() == 10 for draw in draws)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], keep["bn_1"])


# Not behind a sigmoid: there γ = β = 0 is not silent, but says 1/2.
@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"mlp, sigmoid"}))
def test_cutting_gives_what_silencing_gives(name):
    model, x, keep = made(name)
    small = cut(model, keep, constants=False)
    assert largest_difference(small(x), silenced(model, keep)(x)) < 1e-12
    assert largest_difference(small(x), model(x)) > 1e-2


@pytest.mark.parametrize("name", ["mlp", "mlp, sigmoid", "no padding"])
def test_with_its_constants_a_cut_is_exact_where_nothing_is_padded(name):
    model, x, keep = made(name)
    whole = silenced(model, keep, beta=False)(x)
    assert largest_difference(cut(model, keep)(x), whole) < 1e-12
    assert largest_difference(cut(model, keep, constants=False)(x), whole) > 1e-3


def test_with_padding_the_constants_are_right_inside_and_wrong_at_the_edge():
    model, x, keep = made("convolutions")
    whole, small = silenced(model, keep, beta=False)[:6], cut(model, keep)[:6]  # up to the second ReLU's BN
    stays = keep["bn_2"]
    gap = (whole(x)[:, stays] - small(x)).abs().amax(dim=(0, 1))
    assert gap.shape == (4, 4)
    assert gap[1:-1, 1:-1].max() < 1e-12
    assert gap[0].max() > 1e-3


def test_the_tensors_are_smaller_and_the_network_is_left_alone():
    model, _, _ = made("convolutions")
    before = copy.deepcopy(model.state_dict())
    keep = {"bn_1": torch.tensor([1, 0, 0, 1, 0]).bool(), "bn_2": torch.tensor([0, 1, 0, 1, 1, 0, 0]).bool()}
    small = cut(model, keep)
    shapes = {name: tuple(p.shape) for name, p in small.state_dict().items() if p.ndim}
    assert shapes["conv_1.weight"] == (2, 1, 3, 3)
    assert shapes["conv_2.weight"] == (3, 2, 3, 3)
    assert shapes["bn_2.running_var"] == (3,)
    assert shapes["output.weight"] == (10, 3 * 2 * 2)
    assert all(tensor.untyped_storage().nbytes() == tensor.nbytes for tensor in small.state_dict().values())
    assert "2, kernel_size" in repr(small.conv_1)
    for name, values in model.state_dict().items():
        assert torch.equal(values, before[name]), name


def test_a_cut_network_learns_on():
    model = small_cnn(channels=(6, 8))
    keep = {"bn_1": torch.arange(6) % 2 == 0, "bn_2": torch.arange(8) < 3}
    small = cut(model, keep)
    losses = [step.loss for step in training_steps(small, digits().images(), epochs=3)]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda keep: keep.pop("bn_2"), "keep names .'bn_1'., expected the BN layers"),
        (
            lambda keep: keep.update(bn_2=torch.ones(3).bool()),
            r"keep\['bn_2'\] is \(3,\) torch.bool, expected",
        ),
        (
            lambda keep: keep.update(bn_2=torch.ones(7)),
            r"is \(7,\) torch.float32, expected a bool for each of 7",
        ),
        (lambda keep: keep.update(bn_2=torch.zeros(7).bool()), r"keep\['bn_2'\] leaves no channel"),
    ],
)
def test_what_does_not_fit_is_refused(change, words):
    model, _, keep = made("mlp")
    change(keep)
    with pytest.raises(ValueError, match=words):
        cut(model, keep)


def test_networks_it_cannot_cut_are_refused():
    bn = nn.BatchNorm2d(4)
    every = {"1": torch.ones(4).bool()}
    grouped = nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), bn, nn.ReLU(), nn.Conv2d(4, 2, 3))
    with pytest.raises(TypeError, match="0 has groups=2"):
        cut(grouped, every)
    strange = nn.Sequential(nn.Conv2d(4, 4, 3), bn, nn.Softmax(1), nn.Conv2d(4, 2, 3))
    with pytest.raises(TypeError, match="2 is a Softmax"):
        cut(strange, every)
    with pytest.raises(ValueError, match="BN right after each"):
        cut(mlp([8, 4, 3, 2], bn_position="after"), {"bn_1": every["1"], "bn_2": torch.ones(3).bool()})
    with pytest.raises(ValueError, match="no batch normalization"):
        threshold_for(mlp([8, 4, 2], batch_norm=False), 0.5)
    with pytest.raises(ValueError, match="share is 1"):
        threshold_for(mlp([8, 4, 2]), 1)
    with pytest.raises(ValueError, match="strength is -1"), l1_on_gamma(mlp([8, 4, 2]), -1):
        pass
