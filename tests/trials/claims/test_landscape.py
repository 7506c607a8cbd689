"""The loss along the gradient and the covariate shift, against plain copies of the network."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cosine_similarity, cross_entropy

from bnteach.training import mlp
from bnteach.trials.claims.landscape import along_gradient, covariate_shift
from bnteach.trials.claims.snapshots import SNAPSHOT_STEPS, landscape_snapshots

RANDOM = torch.Generator().manual_seed(0)
X, Y = torch.randn(40, 64, generator=RANDOM), torch.randint(10, (40,), generator=RANDOM)


def network(batch_norm=True):
    return mlp([64, 20, 15, 12, 10], nn.Tanh, batch_norm, seed=3).double()


def gradient(model, x):
    loss = cross_entropy(model(x), Y)
    model.zero_grad()
    loss.backward()
    return loss.item(), torch.cat([p.grad.ravel() for p in model.parameters()])


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("rate", [0.05, 2.0])
def test_each_point_is_one_step_of_sgd(batch_norm, rate):
    x = X.double()
    there = along_gradient(network(batch_norm), x, Y, [0.3, rate])
    walker = network(batch_norm)
    start, g = gradient(walker, x)
    torch.optim.SGD(walker.parameters(), lr=rate).step()
    loss, h = gradient(walker, x)
    assert there.start == pytest.approx(start)
    assert there.length == pytest.approx(g.norm().item())
    assert there.loss[1] == pytest.approx(loss)
    assert there.cosine[1] == pytest.approx(cosine_similarity(g, h, dim=0).item())
    assert there.distance[1] == pytest.approx((g - h).norm().item())


@pytest.mark.parametrize("measure", [along_gradient, covariate_shift])
def test_the_network_is_left_as_it_was(measure):
    model = network().eval()
    model.bn_2.train()
    before = copy.deepcopy(model.state_dict())
    measure(model, X.double(), Y, [0.5] if measure is along_gradient else 0.5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [m.training for m in (model, model.bn_1, model.bn_2)] == [False, False, True]
    assert all(p.grad is None for p in model.parameters())


def test_a_dead_gradient_is_nan_without_a_warning():
    model = nn.Sequential(nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 10))
    nn.init.constant_(model[0].bias, -1e9)
    there = along_gradient(model, X, Y, [0.1])
    assert np.isfinite(there.loss).all()
    assert there.cosine[0] == pytest.approx(1, abs=0.2)  # the last layer's bias still has one
    nn.init.zeros_(model[2].weight)
    model[2].bias.requires_grad_(True)
    inf = along_gradient(model, X, Y, [np.inf])
    assert not np.isfinite(inf.cosine[0])


def test_the_shift_is_that_of_the_layers_below_alone():
    x, rate = X.double(), 0.7
    shift = covariate_shift(network(), x, Y, rate)
    names = ["linear_2", "linear_3", "output"]
    below = [["linear_1", "bn_1"], ["linear_1", "bn_1", "linear_2", "bn_2"],
             ["linear_1", "bn_1", "linear_2", "bn_2", "linear_3", "bn_3"]]  # fmt: skip
    for k, (name, moved) in enumerate(zip(names, below, strict=True)):
        model = network()
        gradient(model, x)
        g = model.get_submodule(name).weight.grad.clone()
        parts = [p for layer in moved for p in model.get_submodule(layer).parameters()]
        torch.optim.SGD(parts, lr=rate).step()
        gradient(model, x)
        h = model.get_submodule(name).weight.grad
        assert shift[k] == pytest.approx(((g - h).norm() / g.norm()).item())
    assert len(shift) == 3


def test_layers_that_stand_still_shift_nothing():
    assert covariate_shift(network(), X.double(), Y, 0.0) == pytest.approx(0)


def test_the_snapshots_are_those_of_two_trainings():
    without, with_bn = landscape_snapshots([0.01, 1.0], layers=2)
    assert len(without.slices) == len(with_bn.slices) == len(SNAPSHOT_STEPS)
    assert without.loss.shape == with_bn.loss.shape == (SNAPSHOT_STEPS[-1],)
    assert with_bn.slices[-1].start < with_bn.slices[0].start
    again, _ = landscape_snapshots([0.01, 1.0], layers=2)
    assert np.array_equal(again.loss, without.loss)
