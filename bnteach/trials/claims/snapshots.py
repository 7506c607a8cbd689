"""Two networks on their way through the loss landscape, for the lab of it: what each could see ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bnteach.training.loop import one_thread
from bnteach.trials.claims.experiments import build, make_task, steps_of
from bnteach.trials.claims.landscape import Slice, along_gradient

__all__ = ["STEPS", "Journey", "journeys"]

STEPS = (0, 5, 10, 20, 40, 80, 160)
"""The numbers of training steps after which we look ahead."""


@dataclass(frozen=True)
class Journey:
    """One training.

    Attributes:
        loss: of each step's batch, (160,).
        slices: the loss along the gradient after each of `STEPS`, on the first 60 training pictures.
    """

    loss: np.ndarray
    slices: tuple[Slice, ...]


def journeys(
    rates: Sequence[float], *, learning_rate: float = 0.1, seed: int = 0, **network
) -> tuple[Journey, Journey]:
    """Train a network without batch normalization and its twin with it, and look ahead on the way.

    Args:
        rates: the learning rates at which to look, as in `along_gradient`.
        learning_rate, seed: of both trainings.
        network: as in `build`.

    Returns:
        The journey without batch normalization, and the one with it.

    Example:
        >>> without, with_bn = journeys([0.1, 1.0], layers=1)
        >>> len(with_bn.loss), len(with_bn.slices), with_bn.slices[0].loss.shape
        (160, 7, (2,))
    """
    with one_thread():
        without, with_bn = (
            _journey(build(seed, batch_norm=bn, **network), rates, learning_rate, seed)
            for bn in (False, True)
        )
    return without, with_bn


def _journey(model, rates: Sequence[float], learning_rate: float, seed: int) -> Journey:
    data = make_task(seed)
    x, y = torch.from_numpy(data.x_train[:60]), torch.from_numpy(data.y_train[:60])
    losses, slices = [], [along_gradient(model, x, y, rates)]
    for step in steps_of(model, data, STEPS[-1], learning_rate=learning_rate, seed=seed):
        losses.append(step.loss)
        if step.number in STEPS:
            slices.append(along_gradient(model, x, y, rates))
    return Journey(np.array(losses), tuple(slices))
