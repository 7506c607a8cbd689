"""The networks: shapes, names, initial weights, and that only batch normalization differs."""

import pytest
import torch
from torch import nn

from bnteach.training import mlp, small_cnn


def names(model):
    return [name for name, _ in model.named_children()]


def test_bn_stands_before_or_after_the_activation_and_takes_the_bias_with_it():
    before, after = mlp([4, 3, 2]), mlp([4, 3, 2], bn_position="after")
    assert names(before) == ["linear_1", "bn_1", "activation_1", "output"]
    assert names(after) == ["linear_1", "activation_1", "bn_1", "output"]
    assert before.linear_1.bias is None
    assert after.linear_1.bias is not None
    assert names(mlp([4, 3, 2], batch_norm=False)) == ["linear_1", "activation_1", "output"]


@pytest.mark.parametrize("build", [lambda **k: mlp([64, 50, 10], **k), lambda **k: small_cnn(**k)])
def test_the_same_seed_gives_the_same_weights_with_and_without_bn(build):
    with_bn, without = (
        build(batch_norm=True, seed=5).state_dict(),
        build(batch_norm=False, seed=5).state_dict(),
    )
    weights = [name for name in without if name.endswith("weight")]
    assert len(weights) > 1
    assert all(torch.equal(with_bn[name], without[name]) for name in weights)
    assert not torch.equal(build(seed=6)[0].weight, build(seed=5)[0].weight)


def test_building_leaves_the_global_random_state_of_the_weights_alone():
    torch.manual_seed(1)
    first = mlp([64, 50, 10], seed=0)
    torch.manual_seed(2)
    assert torch.equal(mlp([64, 50, 10], seed=0).output.weight, first.output.weight)


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_init_scale_is_the_standard_deviation_times_the_root_of_fan_in(scale):
    model = mlp([400, 500, 10], init_scale=scale, batch_norm=False)
    assert model.linear_1.weight.std().item() * 400**0.5 == pytest.approx(scale, rel=0.02)
    assert model.linear_1.bias.abs().max() == 0
    conv = small_cnn(init_scale=scale, channels=(64, 64)).conv_2.weight
    assert conv.std().item() * (64 * 9) ** 0.5 == pytest.approx(scale, rel=0.02)


@pytest.mark.parametrize("channels", [(4,), (8, 16), (4, 5, 6)])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_small_cnn_maps_pictures_to_ten_logits(channels, batch_norm):
    model = small_cnn(batch_norm, channels=channels)
    assert model(torch.rand(3, 1, 8, 8)).shape == (3, 10)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in model) == (len(channels) if batch_norm else 0)


def test_the_activation_is_the_one_asked_for():
    assert isinstance(mlp([4, 3, 2], nn.Tanh).activation_1, nn.Tanh)
    assert isinstance(small_cnn(activation=nn.GELU).activation_2, nn.GELU)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"widths is \[3\], expected at least"):
        mlp([3])
    with pytest.raises(ValueError, match="bn_position is 'between'"):
        mlp([3, 2], bn_position="between")
    with pytest.raises(ValueError, match="channels is"):
        small_cnn(channels=(1, 2, 3, 4))
