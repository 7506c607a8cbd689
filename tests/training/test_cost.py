"""What a network costs: counted by hand, and timed in an order that favors none."""

import copy

import torch
from torch import nn

from bnteach.training import mlp, small_cnn
from bnteach.training.cost import Cost, cost, time_ratios


def test_the_count_is_that_by_hand():
    network = nn.Sequential(
        *(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5), nn.Tanh(), nn.Conv2d(5, 4, (2, 3), stride=2, bias=True)),
        *(nn.BatchNorm2d(4), nn.SiLU(), nn.AdaptiveAvgPool2d((1, 2)), nn.Flatten(), nn.Linear(8, 10)),
    )
    convolutions = 6 * 6 * 5 * (3 * 3) + 3 * 2 * 4 * (5 * 2 * 3)  # places, filters, weights of one
    norms = 6 * 6 * 5 + 3 * 2 * 4
    parameters = (45 + 5) + 10 + (120 + 4) + 8 + (80 + 10)
    assert cost(network, (1, 8, 8)) == Cost(parameters, convolutions + norms + 8 * 10)


def test_dense_layers_in_float64_are_counted_too():
    assert cost(mlp([64, 9, 10]).double(), (64,)).multiply_adds == 64 * 9 + 9 + 9 * 10


def test_counting_leaves_no_trace():
    model = small_cnn().train()
    before = copy.deepcopy(model.state_dict())
    assert cost(model, (1, 8, 8)) == cost(model, (1, 8, 8))
    assert model.training
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_times_are_shares_of_the_first():
    class Slow(nn.Module):
        def forward(self, x):
            for _ in range(40):
                x = x @ x
            return x

    ratios = time_ratios([Slow(), nn.Identity()], torch.zeros(200, 200), rounds=3)
    assert ratios[0] == 1
    assert 0 < ratios[1] < 0.5


def test_no_network_is_always_timed_right_after_the_same_one():
    calls = []

    class Noting(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def forward(self, x):
            calls.append(self.name)
            return x

    time_ratios([Noting(name) for name in "abc"], torch.zeros(1), rounds=11)
    untimed, timed = calls[::2], calls[1::2]
    assert untimed == timed  # each one warms up right before its own timing
    orders = ["".join(timed[start : start + 3]) for start in range(0, len(timed), 3)]
    assert {"".join(sorted(order)) for order in orders} == {"abc"}
    assert len(set(orders)) >= 4
