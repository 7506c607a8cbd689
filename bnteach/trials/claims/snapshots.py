"""The loss along the gradient at several steps of two trainings, without BN and with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bnteach.training.loop import one_thread
from bnteach.trials.claims.experiments import first_steps, make_data, make_network
from bnteach.trials.claims.landscape import Slice, along_gradient

__all__ = ["SNAPSHOT_STEPS", "Snapshots", "landscape_snapshots"]

SNAPSHOT_STEPS = (0, 5, 10, 20, 40, 80, 160)
"""After so many training steps the loss along the gradient is measured."""


@dataclass(frozen=True)
class Snapshots:
    """One training.

    Attributes:
        loss: of each step's batch, (160,).
        slices: the loss along the gradient after each of `SNAPSHOT_STEPS`, on the first 60 training pictures.
    """

    loss: np.ndarray
    slices: tuple[Slice, ...]


def landscape_snapshots(
    rates: Sequence[float], *, learning_rate: float = 0.1, seed: int = 0, **network
) -> tuple[Snapshots, Snapshots]:
    """The snapshots of a network without batch normalization, and those of its twin with it."""
    with one_thread():
        without, with_bn = (
            _snapshots(make_network(seed, batch_norm=bn, **network), rates, learning_rate, seed)
            for bn in (False, True)
        )
    return without, with_bn


def _snapshots(model, rates: Sequence[float], learning_rate: float, seed: int) -> Snapshots:
    data = make_data(seed)
    x, y = torch.from_numpy(data.x_train[:60]), torch.from_numpy(data.y_train[:60])
    losses, slices = [], [along_gradient(model, x, y, rates)]
    for step in first_steps(model, data, SNAPSHOT_STEPS[-1], learning_rate=learning_rate, seed=seed):
        losses.append(step.loss)
        if step.number in SNAPSHOT_STEPS:
            slices.append(along_gradient(model, x, y, rates))
    return Snapshots(np.array(losses), tuple(slices))
