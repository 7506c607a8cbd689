"""Evaluation mode for a moment, and accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

__all__ = ["accuracy", "evaluating"]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every module of `model` in evaluation mode, and give each its own mode back at the end.

    `model.train()` would not do as the way back: it also wakes the layers that were frozen on purpose.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2).eval())
        >>> with evaluating(model):
        ...     model.training, model[1].training
        (False, False)
        >>> model.training, model[1].training
        (True, False)
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def accuracy(model: nn.Module, x: np.ndarray, y: np.ndarray) -> float:
    """The share of pictures that `model` classifies rightly, in evaluation mode.

    Every module gets its own mode back afterward (see `evaluating`), also after an error.

    Args:
        model: a network that gives logits (n, classes).
        x: pictures, (n, 64) or (n, 1, 8, 8), in the model's dtype.
        y: their classes, (n,).

    Returns:
        A number from 0 to 1. A picture whose logits hold a nan counts as wrong.

    Example:
        >>> from bnteach.data import digits
        >>> from bnteach.training import mlp
        >>> data = digits()
        >>> accuracy(mlp([64, 32, 10]), data.x_test, data.y_test) < 0.4
        True
    """
    with evaluating(model), torch.no_grad():
        logits = model(torch.from_numpy(x)).numpy()
    right = (logits.argmax(axis=1) == y) & ~np.isnan(logits).any(axis=1)
    return float(right.mean())
