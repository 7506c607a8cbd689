"""Folding, held against PyTorch's own fusion, and refused where it would be wrong."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from bnteach.torch_bridge import fold, fold_batch_norm
from bnteach.training import mlp, small_cnn


def lived_in(bn, dtype=torch.float64):
    """BN in evaluation mode with γ, β and statistics away from where they begin."""
    random = torch.Generator().manual_seed(bn.num_features)
    if bn.affine:
        bn.weight.data = torch.randn(bn.num_features, generator=random)
        bn.bias.data = 2 + torch.randn(bn.num_features, generator=random)
    bn.running_mean = 3 + torch.randn(bn.num_features, generator=random)
    bn.running_var = 0.1 + torch.rand(bn.num_features, generator=random)
    return bn.to(dtype).eval()


PAIRS = {
    "linear": (lambda: nn.Linear(7, 5), nn.BatchNorm1d(5, eps=0.1), (6, 7)),
    "linear, no bias": (lambda: nn.Linear(7, 5, bias=False), nn.BatchNorm1d(5), (6, 7)),
    "conv, no bias": (lambda: nn.Conv2d(2, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), (3, 2, 6, 7)),
    "conv, all at once": (
        lambda: nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), dilation=2, groups=2),
        nn.BatchNorm2d(6, eps=1e-2),
        (3, 4, 9, 8),
    ),
    "conv 1d": (lambda: nn.Conv1d(2, 5, 3), nn.BatchNorm1d(5), (3, 2, 8)),
    "conv 3d": (lambda: nn.Conv3d(2, 5, 2), nn.BatchNorm3d(5), (3, 2, 4, 5, 6)),
    "no γ, no β": (lambda: nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5, affine=False), (3, 2, 6, 7)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_one_layer_does_what_two_did(name):
    build, bn, shape = PAIRS[name]
    layer, bn = build().double().eval(), lived_in(bn)
    x = 1 + torch.randn(shape, dtype=torch.float64)
    folded = fold(layer, bn)
    assert type(folded) is type(layer)
    assert folded.bias.shape == (bn.num_features,)
    assert torch.allclose(folded(x), bn(layer(x)), rtol=1e-12, atol=1e-12)
    if bn.affine or not isinstance(layer, nn.Linear):
        fuse = fuse_linear_bn_eval if isinstance(layer, nn.Linear) else fuse_conv_bn_eval
        theirs = fuse(layer, bn)
        assert torch.allclose(folded.weight, theirs.weight, rtol=1e-13, atol=1e-13)
        assert torch.allclose(folded.bias, theirs.bias, rtol=1e-13, atol=1e-13)


def test_the_layers_are_left_alone_and_float32_stays():
    layer, bn = nn.Conv2d(2, 5, 3), lived_in(nn.BatchNorm2d(5), torch.float32)
    before = copy.deepcopy((layer.state_dict(), bn.state_dict()))
    folded = fold(layer, bn)
    with torch.no_grad():
        folded.weight.zero_()
        folded.bias.zero_()
    assert folded.weight.dtype == folded.bias.dtype == torch.float32
    for now, then in zip((layer.state_dict(), bn.state_dict()), before, strict=True):
        assert all(torch.equal(now[key], then[key]) for key in then)


@pytest.mark.parametrize(
    ("layer", "bn", "error", "words"),
    [
        (nn.Linear(3, 4), nn.BatchNorm1d(4), ValueError, "bn is in training mode"),
        (nn.Linear(3, 4), nn.BatchNorm1d(5).eval(), ValueError, "bn has 5 channels, expected 4"),
        (nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False).eval(), ValueError, "no running stat"),
        (nn.ConvTranspose2d(3, 4, 2), nn.BatchNorm2d(4).eval(), TypeError, "layer is a ConvTranspose2d"),
        (nn.Linear(3, 4), nn.LayerNorm(4), TypeError, "bn is a LayerNorm"),
    ],
)
def test_what_cannot_be_folded_is_refused(layer, bn, error, words):
    with pytest.raises(error, match=words):
        fold(layer, bn)


def test_folding_in_training_mode_would_be_wrong():
    layer, bn = nn.Linear(3, 4).double(), lived_in(nn.BatchNorm1d(4))
    x = torch.randn(8, 3, dtype=torch.float64)
    folded = fold(layer, bn)
    assert (bn.train()(layer(x)) - folded(x)).abs().max() > 0.1


@pytest.mark.parametrize(("model", "shape"), [(mlp([64, 9, 7, 10]), (64,)), (small_cnn(), (1, 8, 8))])
def test_a_whole_network(model, shape):
    model = model.double().eval()
    for module in model:
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            lived_in(module)
    x = torch.randn(5, *shape, dtype=torch.float64)
    folded = fold_batch_norm(model)
    assert torch.allclose(folded(x), model(x), rtol=1e-12, atol=1e-12)
    names = [name for name, _ in model.named_children() if not name.startswith("bn")]
    assert [name for name, _ in folded.named_children()] == names
    assert "bn_1" in dict(model.named_children())
    assert not folded.training
    with pytest.raises(ValueError, match="training mode"):
        fold_batch_norm(model.train())


def test_of_two_layers_in_a_row_the_second_is_folded():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4), lived_in(nn.BatchNorm1d(4))).double().eval()
    x = torch.randn(5, 3, dtype=torch.float64)
    folded = fold_batch_norm(model)
    assert torch.equal(folded[0].weight, model[0].weight)
    assert torch.allclose(folded(x), model(x), rtol=1e-12, atol=1e-12)


class Branches(nn.Module):
    """A BN that comes first, one after an activation, a convolution that is used twice."""

    def __init__(self):
        super().__init__()
        shared = nn.Conv2d(2, 2, 3, padding=1)
        self.a = nn.Sequential(nn.BatchNorm2d(2), shared, nn.BatchNorm2d(2), nn.ReLU(), nn.BatchNorm2d(2))
        self.b = nn.Sequential(nn.Sequential(shared, nn.ReLU()), shared, nn.BatchNorm2d(2))

    def forward(self, x):
        return self.a(x) + self.b(x)


def test_what_is_not_right_after_a_layer_stays():
    model = Branches().double().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            lived_in(module)
    folded = fold_batch_norm(model)
    x = torch.randn(3, 2, 5, 6, dtype=torch.float64)
    assert torch.allclose(folded(x), model(x), rtol=1e-12, atol=1e-12)
    assert [name for name, _ in folded.a.named_children()] == ["0", "1", "3", "4"]
    assert [name for name, _ in folded.b.named_children()] == ["0", "1"]
