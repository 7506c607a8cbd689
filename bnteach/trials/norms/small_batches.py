"""How small may a batch be? The same networks with BN, and with norms that need no batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import nn

from bnteach.data import Digits, digits
from bnteach.training.evaluation import accuracy
from bnteach.training.loop import training_steps

__all__ = ["BATCH_SIZES", "KINDS", "accuracies_after", "small_network", "sweep_of_batches"]

KINDS = ("table", "pictures", "pictures, then table")
BATCH_SIZES = (2, 4, 8, 16, 32, 64)
LEARNING_RATES = (0.01, 0.03, 0.1, 0.3)
HELD_OUT = 347


@cache
def _data(kind: str) -> tuple[Digits, tuple[np.ndarray, np.ndarray]]:
    """The digits without the last training digits, and those: held out, to choose the learning rate."""
    whole = digits() if kind == "table" else digits().images()
    held_out = whole.x_train[-HELD_OUT:], whole.y_train[-HELD_OUT:]
    return replace(whole, x_train=whole.x_train[:-HELD_OUT], y_train=whole.y_train[:-HELD_OUT]), held_out


def small_network(kind: str, with_bn: bool, seed: int = 0) -> nn.Sequential:
    """A network for the digits, with BN in every hidden layer, or with norms that need no batch.

    Args:
        kind: "table": 64 → 100 → 100 → 10. "pictures": two convolutions of 8 and 16 filters, each with
            max-pooling, then 10. "pictures, then table": a hidden layer of 64 between these and the last.
        with_bn: BN; otherwise LayerNorm in hidden layers and GroupNorm with 4 groups after convolutions.
        seed: of the weights. PyTorch's global random state is not touched.

    Raises:
        KeyError: kind is none of `KINDS`.

    >>> small_network("pictures, then table", with_bn=False)(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """
    in_tables = nn.BatchNorm1d if with_bn else nn.LayerNorm
    in_maps = nn.BatchNorm2d if with_bn else lambda channels: nn.GroupNorm(4, channels)

    def dense(inputs, outputs):
        return nn.Linear(inputs, outputs, bias=False), in_tables(outputs), nn.ReLU()

    def maps(inputs, outputs):
        conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        return conv, in_maps(outputs), nn.ReLU(), nn.MaxPool2d(2)

    builders = {
        "table": lambda: [*dense(64, 100), *dense(100, 100), nn.Linear(100, 10)],
        "pictures": lambda: [*maps(1, 8), *maps(8, 16), nn.Flatten(), nn.Linear(64, 10)],
        "pictures, then table": lambda: [
            *(*maps(1, 8), *maps(8, 16), nn.Flatten()),
            *(*dense(64, 64), nn.Linear(64, 10)),
        ],
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(*builders[kind]())


def accuracies_after(
    kind: str, with_bn: bool, batch_size: int, seed: int, *, steps: int = 300, learning_rate: float = 0.03
) -> tuple[float, float]:
    """Accuracy of a `small_network` on the digits held out and on the test digits, after some steps."""
    network, (data, held_out) = small_network(kind, with_bn, seed), _data(kind)
    how = {"batch_size": batch_size, "learning_rate": learning_rate, "epochs": steps, "seed": seed}
    for step in training_steps(network, data, **how):  # an epoch has at least one step
        if step.number == steps:
            break
    return accuracy(network, *held_out), accuracy(network, data.x_test, data.y_test)


def sweep_of_batches(seeds: Iterable[int] = range(5), steps: int = 600) -> dict[str, list[float]]:
    """For each "kind, BN or not, batch size": the test accuracies, one a seed, at the best learning rate.

    The best is the one with the highest mean on the digits held out, so the test digits choose nothing.
    """
    best = {}
    for kind in KINDS:
        for with_bn in (True, False):
            for size in BATCH_SIZES:
                runs = [
                    [accuracies_after(kind, with_bn, size, s, steps=steps, learning_rate=rate) for s in seeds]
                    for rate in LEARNING_RATES
                ]
                best_run = max(runs, key=lambda run: sum(held_out for held_out, _ in run))
                best[f"{kind}, BN {with_bn}, {size}"] = [round(test, 4) for _, test in best_run]
    return best
