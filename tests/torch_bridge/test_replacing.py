"""NumPy's BN put into existing networks, and trained there: the same loss curve as PyTorch's."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from bnteach.data import digits
from bnteach.torch_bridge import (
    NumpyBatchNorm1d,
    NumpyBatchNorm2d,
    NumpyBatchNorm3d,
    compare,
    replace_batch_norm,
)
from bnteach.training import mlp, small_cnn, training_steps


class Block(nn.Module):
    def __init__(self, shared):
        super().__init__()
        self.branch = nn.ModuleDict({"a": nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)), "b": shared})

    def forward(self, x):
        return self.branch["a"](x) + self.branch["b"](x)


def nested():
    shared = nn.BatchNorm2d(2, momentum=None)
    return nn.Sequential(Block(shared), Block(shared), nn.Flatten(), nn.LazyLinear(3), nn.BatchNorm1d(3))


def test_every_layer_of_a_nested_model_is_replaced_and_computes_the_same():
    model = nested().double()
    x = torch.randn(5, 2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model(x)
    twin = copy.deepcopy(model)
    assert replace_batch_norm(model) is model
    kinds = [type(m).__name__ for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert sorted(kinds) == ["NumpyBatchNorm1d"] + ["NumpyBatchNorm2d"] * 3
    assert model[0].branch["b"] is model[1].branch["b"]
    assert torch.allclose(model(x), twin(x), rtol=1e-12, atol=1e-12)
    for name, value in twin.state_dict().items():
        assert torch.allclose(model.state_dict()[name], value, rtol=1e-12, atol=1e-12), name


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [(nn.BatchNorm1d, NumpyBatchNorm1d), (nn.BatchNorm2d, NumpyBatchNorm2d),
     (nn.BatchNorm3d, NumpyBatchNorm3d)],
)  # fmt: skip
def test_the_model_itself_may_be_the_layer_and_keeps_everything(theirs, ours):
    layer = theirs(3, eps=1e-3, momentum=None).eval()
    layer.bias.requires_grad_(False)
    layer.label = "mine"
    weight, mean, calls = layer.weight, layer.running_mean, []
    layer.register_forward_hook(lambda *_: calls.append(1))
    found = replace_batch_norm(layer)
    assert type(found) is ours
    assert found.weight is weight
    assert found.running_mean is mean
    assert (found.eps, found.momentum, found.training, found.label) == (1e-3, None, False, "mine")
    assert not found.bias.requires_grad
    found(torch.zeros(2, 3, *[2] * {"1": 0, "2": 2, "3": 3}[ours.__name__[-2]]))
    assert calls == [1]


def test_an_optimizer_made_before_goes_on_working():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model[1].weight.detach().clone()
    (replace_batch_norm(model)(torch.randn(6, 4)) ** 3).sum().backward()
    optimizer.step()
    assert not torch.equal(model[1].weight, before)


def test_doing_it_twice_and_without_any_bn_changes_nothing():
    model = replace_batch_norm(small_cnn())
    kinds = [type(m) for m in model.modules()]
    assert [type(m) for m in replace_batch_norm(model).modules()] == kinds
    plain = nn.Sequential(nn.Linear(2, 2), nn.InstanceNorm1d(2), nn.LayerNorm(2))
    assert [type(m) for m in replace_batch_norm(plain)] == [nn.Linear, nn.InstanceNorm1d, nn.LayerNorm]


class MyBatchNorm(nn.BatchNorm2d):
    def forward(self, x):
        return super().forward(x) * 2


@pytest.mark.parametrize(
    ("layer", "words"),
    [(nn.SyncBatchNorm(2), r"block\.1 is a SyncBatchNorm, .*several processes"),
     (nn.LazyBatchNorm2d(), r"block\.1 is a LazyBatchNorm2d, .*run the model once"),
     (MyBatchNorm(2), r"block\.1 is a MyBatchNorm, .*would be lost")],
)  # fmt: skip
def test_other_kinds_are_refused_by_name_and_nothing_is_replaced(layer, words):
    model = nn.Sequential()
    model.add_module("first", nn.BatchNorm2d(2))
    model.add_module("block", nn.Sequential(nn.Conv2d(2, 2, 1), layer))
    with pytest.raises(TypeError, match=words):
        replace_batch_norm(model)
    assert type(model.first) is nn.BatchNorm2d
    with pytest.raises(TypeError, match="model is a"):
        replace_batch_norm(layer)


def test_a_lazy_layer_is_replaced_once_it_has_seen_data():
    model = nn.Sequential(nn.LazyBatchNorm2d())
    model(torch.randn(3, 2, 4, 5))
    assert type(replace_batch_norm(model)[0]) is NumpyBatchNorm2d


@pytest.mark.parametrize(
    ("build", "data"),
    [(small_cnn, digits(dtype=np.float64).images()),
     (partial(mlp, [64, 40, 40, 10]), digits(dtype=np.float64))],
    ids=["convolutional", "fully connected"],
)  # fmt: skip
def test_the_loss_curve_of_a_network_on_the_digits_is_pytorchs(build, data):
    settings = {"epochs": 3, "batch_size": 60, "learning_rate": 0.1}
    theirs, ours = build().double(), replace_batch_norm(build().double())
    expected = [step.loss for step in training_steps(theirs, data, **settings)]
    found = [step.loss for step in training_steps(ours, data, **settings)]
    assert len(found) == 66
    assert found[-1] < 0.7 * found[0]
    assert found == pytest.approx(expected, rel=1e-9, abs=0)
    for name, value in theirs.state_dict().items():
        assert torch.allclose(ours.state_dict()[name], value, rtol=1e-7, atol=1e-9), name


def test_a_trained_layer_taken_out_of_a_network_still_agrees():
    from bnteach.core.layers import BatchNorm

    model = replace_batch_norm(small_cnn())
    list(training_steps(model, digits().images(), epochs=1))
    bn = BatchNorm(8)
    bn.load_state_dict(model.bn_1.state_dict())
    random = np.random.default_rng(0)
    x, dy = random.normal(1, 2, (20, 8, 6, 5)), random.normal(size=(20, 8, 6, 5))
    assert compare(bn, x.astype(np.float32), dy.astype(np.float32)).agrees


def test_a_forward_of_its_own_is_refused():
    layer = nn.BatchNorm2d(2)
    layer.forward = lambda x: x
    with pytest.raises(TypeError, match=r"0 is a BatchNorm2d, .*: it has its own forward, which"):
        replace_batch_norm(nn.Sequential(layer))
    with pytest.raises(TypeError, match=r"model is a tuple, expected an nn\.Module"):
        replace_batch_norm((layer,))


@pytest.mark.parametrize("change", [
    lambda bn: prune.l1_unstructured(bn, "weight", 1),
    lambda bn: bn.register_forward_pre_hook(lambda module, inputs: (3 * inputs[0],)),
    lambda bn: bn.register_forward_hook(lambda module, inputs, y: y.relu()),
], ids=["pruned", "hook before", "hook after"])  # fmt: skip
def test_hooks_and_computed_weights_go_on_working(change):
    theirs, ours = nn.BatchNorm2d(3).double(), nn.BatchNorm2d(3).double()
    ours.load_state_dict(theirs.state_dict())
    change(theirs), change(ours)
    replace_batch_norm(ours)
    x = torch.randn(4, 3, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for layer in (theirs, ours):
        (layer(x) ** 3).sum().backward()
    assert torch.allclose(ours(x), theirs(x), rtol=1e-12, atol=1e-12)
    for found, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(found.grad, expected.grad, rtol=1e-10, atol=1e-10)
