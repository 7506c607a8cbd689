"""Folding, held against PyTorch's own fusion; what belongs to a network is kept."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from bnteach import BatchNorm
from bnteach.torch_bridge import fold, fold_batch_norm
from bnteach.training import mlp, small_cnn
from bridge import X, assert_folded_right, block, kinds, lived_in

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
        (nn.Linear(3, 4), nn.LayerNorm(4), TypeError, r"bn is a LayerNorm, expected nn\.BatchNorm1d"),
        (
            nn.Linear(3, 4),
            nn.BatchNorm2d(4).eval(),
            TypeError,
            r"bn is a BatchNorm2d, expected nn\.BatchNorm1d",
        ),
        (nn.Linear(3, 4), BatchNorm(4).eval(), TypeError, r"bn is a BatchNorm, expected nn\.BatchNorm1d"),
        (
            nn.LazyConv2d(4, 1),
            nn.BatchNorm2d(4).eval(),
            TypeError,
            "layer is a LazyConv2d, .* run the model",
        ),
        (
            nn.Conv2d(3, 4, 1),
            nn.LazyBatchNorm2d().eval(),
            TypeError,
            "bn is a LazyBatchNorm2d, .* run the model once",
        ),
        (nn.Linear(3, 4, device="meta"), nn.BatchNorm1d(4).eval(), TypeError, r"layer\.weight is .* on meta"),
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
    assert [*dict(folded.named_children())] == [*dict(model.named_children())]
    assert type(folded.bn_1) is type(folded.bn_2) is nn.Identity
    assert type(model.bn_1) is not nn.Identity
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
    assert kinds(folded.a) == ["BatchNorm2d", "Conv2d", "Identity", "ReLU", "BatchNorm2d"]
    assert kinds(folded.b) == ["Sequential", "Conv2d", "Identity"]


def test_what_belongs_to_containers_and_layers_is_kept():
    model, seen = block(), []
    model.register_buffer("mean_pixel", torch.ones(3))
    model.source = "a file"
    model.register_forward_hook(lambda *_: seen.append(1))
    model[0].weight.requires_grad_(False)
    model[0].note = "first"
    model[0].to(memory_format=torch.channels_last)
    model[2].train()
    folded = assert_folded_right(model)
    assert len(seen) == 2
    assert torch.equal(folded.mean_pixel, model.mean_pixel)
    assert (folded.source, folded[0].note) == ("a file", "first")
    assert [p.requires_grad for p in folded.parameters()] == [False, True]
    assert [module.training for module in folded.modules()] == [m.training for m in model.modules()]
    assert folded[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert kinds(model) == ["Conv2d", "BatchNorm2d", "ReLU"]


def test_a_new_bias_is_trained_if_the_weight_is():
    layer, bn = nn.Linear(2, 3, bias=False), nn.BatchNorm1d(3).eval()
    assert fold(layer, bn).bias.requires_grad
    assert not fold(layer.requires_grad_(False), bn).bias.requires_grad


# Sharing and positions


class Siamese(nn.Module):
    """One encoder, reached by two names and in a list; its convolution and its BN also on their own."""

    def __init__(self):
        super().__init__()
        self.a = block()
        self.b = self.a
        self.pair = nn.ModuleList([nn.Sequential(self.a[0], self.a[1]), self.a])
        self.bare, self.norm = self.a[0], self.a[1]

    def forward(self, x):
        bare = self.bare(x)
        return self.a(x) - 2 * self.b(x) + 3 * self.pair[0](x) + 5 * bare + 7 * self.norm(bare)


def test_what_was_shared_is_folded_once_and_still_shared():
    folded = assert_folded_right(Siamese().eval())
    assert folded.a is folded.b is folded.pair[1]
    assert folded.pair[0][0] is folded.a[0]
    assert folded.bare is not folded.a[0]
    assert type(folded.norm) is nn.BatchNorm2d
    twice = nn.Sequential(*[block(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))] * 2)
    folded = assert_folded_right(twice)
    assert folded[0] is folded[1]
    assert kinds(folded[0]) == ["Conv2d", "Identity", "ReLU"]


def test_one_convolution_with_two_bns_and_one_bn_after_two_convolutions():
    conv, bn, other = nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), lived_in(nn.BatchNorm2d(2))
    nn.init.constant_(other.weight, 3)
    model = nn.Sequential(conv, lived_in(bn), nn.ReLU(), conv, other, nn.ReLU(), nn.Conv2d(2, 2, 1), bn)
    assert kinds(assert_folded_right(model.double().eval()))[1::3] == ["Identity"] * 3


def test_positions_slices_and_names_stay():
    model = nn.Sequential(*block(), *block(nn.Conv2d(3, 3, 1)))
    folded = fold_batch_norm(model)
    for end in (2, 3, 5, 6):
        assert torch.allclose(folded[:end](X), model[:end](X), rtol=1e-12, atol=1e-12)
    assert set(folded.state_dict()) == {"0.weight", "0.bias", "3.weight", "3.bias"}


def test_a_network_that_is_not_complete_is_refused_by_the_path_of_the_layer():
    model = nn.Sequential(nn.Sequential(nn.LazyConv2d(3, 1), nn.LazyBatchNorm2d())).eval()
    with pytest.raises(TypeError, match=r"0\.0 is a LazyConv2d, expected no lazy layer: run the model"):
        fold_batch_norm(model)
    model(torch.zeros(2, 2, 3, 3))
    assert kinds(fold_batch_norm(model)[0]) == ["Conv2d", "Identity"]
    with pytest.raises(TypeError, match=r"model is a list, expected an nn\.Module"):
        fold_batch_norm([model])


# Dtypes

FLOATS = torch.float16, torch.bfloat16, torch.float32, torch.float64


@pytest.mark.parametrize("of_layer", FLOATS)
@pytest.mark.parametrize("of_bn", FLOATS)
@pytest.mark.parametrize("bias", [True, False])
def test_any_mix_of_dtypes_is_folded_in_float64_and_rounded_once(of_layer, of_bn, bias):
    layer, bn = nn.Linear(4, 3, bias=bias).to(of_layer), lived_in(nn.BatchNorm1d(3), of_bn)
    exact = fold(copy.deepcopy(layer).double(), copy.deepcopy(bn).double())
    folded = fold(layer, bn)
    for name, parameter in folded.named_parameters():
        assert parameter.dtype == of_layer
        assert torch.equal(parameter, getattr(exact, name).to(of_layer)), name
    assert folded(torch.ones(2, 4, dtype=of_layer)).dtype == of_layer


def test_what_is_too_large_for_the_dtype_is_refused():
    layer, bn = nn.Linear(4, 3).half(), nn.BatchNorm1d(3).eval()
    bn.running_mean.fill_(1e6)
    with pytest.raises(ValueError, match=r"the folded bias is too large for torch\.float16"):
        fold(layer, bn)
