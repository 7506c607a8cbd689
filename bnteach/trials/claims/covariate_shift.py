"""Internal covariate shift, measured: how much a layer's gradient changes when the layers below it move."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from bnteach.trials.claims.landscape import loss_and_gradient, unchanged

__all__ = ["LayerShift", "covariate_shift"]


class LayerShift(NamedTuple):
    """For each weight matrix but the first, (layers − 1,): its gradient before and after the others moved.

    Attributes:
        distance: between the two gradients, as a part of the length of the first.
        cosine: of the angle between them.
    """

    distance: np.ndarray
    cosine: np.ndarray


def covariate_shift(model: nn.Module, x: torch.Tensor, y: torch.Tensor, learning_rate: float) -> LayerShift:
    """How much one step of the layers below changes what a layer should do.

    For layer i there are two gradients of the same batch's loss: G with all parameters as they are, and G'
    with all layers below i already moved by this step. Gradient descent uses G, as if the layers below stood
    still. If G' is like G, that is no harm. The network is left as it was.

    Args:
        model: a network of modules in a row, such as `mlp`.
        x, y: the batch and its labels.
        learning_rate: of the step.

    Example:
        >>> from bnteach.training import mlp
        >>> x, y = torch.randn(60, 64), torch.arange(60) % 10
        >>> covariate_shift(mlp([64, 20, 20, 10]), x, y, 0.1).cosine.shape
        (2,)

    Source: Santurkar, Tsipras, Ilyas & Madry 2018, arXiv:1805.11604, definition 2.1.
    """
    names = [name for name, _ in model.named_parameters()]
    weights = [i for i, name in enumerate(names) if model.get_parameter(name).ndim > 1]
    with unchanged(model):
        _, before = loss_and_gradient(model, x, y)
        after, moved = [], 0
        for i in weights[1:]:
            with torch.no_grad():
                for name, gradient in zip(names[moved:i], before[moved:i], strict=True):
                    model.get_parameter(name).sub_(learning_rate * gradient)
            moved = i
            after.append(loss_and_gradient(model, x, y)[1][i])
    pairs = [(before[i].double(), g) for i, g in zip(weights[1:], after, strict=True)]
    return LayerShift(
        np.array([((g - h).norm() / g.norm()).item() for g, h in pairs]),
        np.array([((g * h).sum() / (g.norm() * h.norm())).item() for g, h in pairs]),
    )
