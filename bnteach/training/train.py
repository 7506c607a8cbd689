"""A whole training, with what was recorded on the way."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from bnteach.data import Digits
from bnteach.training.loop import progress_bar, total_steps, training_steps
from bnteach.training.recorder import History, Recorder

__all__ = ["train"]


def train(
    model: nn.Module,
    data: Digits,
    *,
    batch_size: int = 60,
    learning_rate: float | Callable[[int], float] = 0.1,
    epochs: int = 10,
    seed: int = 0,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    layer: str | None = None,
    unit: int | None = None,
    every: int = 20,
    progress: bool = True,
    description: str = "training",
) -> History:
    """Train `model` to the end and return what was recorded on the way.

    The progress bar is a widget in a notebook, and elsewhere plain text on stderr that ends with the same
    line on every machine. Where the training takes less than a second, `progress=False` keeps the page
    quiet.

    Args:
        model, data, batch_size, learning_rate, epochs, seed, optimizer: as in `training_steps`.
        layer, unit: what else to watch, such as the input of "activation_3": as in `Recorder`.
        every: record at each `every`-th step, and at the last.
        progress: show the bar.
        description: the words before the bar.

    Returns:
        History: arrays of what was recorded.

    Raises:
        ValueError: as `training_steps` and `Recorder` do.

    Example:
        >>> from bnteach.data import digits
        >>> from bnteach.training import mlp
        >>> history = train(mlp([64, 32, 10]), digits(), epochs=2, every=11, progress=False)
        >>> history.loss.shape, history.recorded_at
        ((44,), array([11, 22, 33, 44]))
    """
    total = total_steps(data, batch_size, epochs)
    with Recorder(model, data, layer=layer, unit=unit, every=every) as recorder:
        steps = training_steps(
            model,
            data,
            batch_size=batch_size,
            learning_rate=learning_rate,
            epochs=epochs,
            seed=seed,
            optimizer=optimizer,
        )
        for step in progress_bar(steps, total, description, progress):
            recorder.record(step)
        recorder.measure(step.number)
    return recorder.history()
