"""How far a gradient can be trusted: along its own direction, and when the layers below move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

__all__ = ["Slice", "along_gradient", "covariate_shift", "unchanged"]


@dataclass(frozen=True)
class Slice:
    """A network's loss on one batch, at the points w − rate · g that its gradient g leads to.

    Attributes:
        rates: the learning rates, (k,).
        start: the loss at w.
        length: the length of g.
        loss: at each point, (k,).
        cosine: of the angle between g and the gradient at each point, (k,): 1 is the same direction, 0 a
            right angle, −1 the opposite direction.
        distance: between g and the gradient at each point, (k,).
    """

    rates: np.ndarray
    start: float
    length: float
    loss: np.ndarray
    cosine: np.ndarray
    distance: np.ndarray


def along_gradient(model: nn.Module, x: torch.Tensor, y: torch.Tensor, rates: Sequence[float]) -> Slice:
    """Loss and gradient of a batch at the points that one step of each of these learning rates leads to.

    Batch normalization uses the statistics of the batch, as in training. The network is left as it was.

    Source: Santurkar, Tsipras, Ilyas & Madry 2018, arXiv:1805.11604, section 3.1 and figure 4.
    """
    rates = np.asarray(rates, dtype=float)
    with unchanged(model):
        start, gradient = loss_and_gradient(model, x, y)
        origin = [p.detach().clone() for p in model.parameters()]
        points = [_at(model, x, y, origin, gradient, rate) for rate in rates]
    g = _flat(gradient)
    there = np.stack([_flat(gradient) for _, gradient in points])
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        length = np.linalg.norm(g)
        cosine = there @ g / (np.linalg.norm(there, axis=1) * length)
        distance = np.linalg.norm(there - g, axis=1)
    return Slice(rates, start, float(length), np.array([loss for loss, _ in points]), cosine, distance)


def covariate_shift(model: nn.Module, x: torch.Tensor, y: torch.Tensor, learning_rate: float) -> np.ndarray:
    """How much one step of the layers below changes what a layer should do: ‖G − G'‖ / ‖G‖, (layers − 1,).

    For layer i there are two gradients of the same batch's loss: G with all parameters as they are, and G'
    with all layers below i already moved by this step. Gradient descent uses G, as if the layers below stood
    still. If G' is like G, that is no harm. The network is left as it was.

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
    return np.array([((g - h).norm() / g.norm()).item() for g, h in pairs])


def loss_and_gradient(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[float, list[torch.Tensor]]:
    """The cross-entropy of a batch, and its gradient for each parameter. `.grad` is not touched."""
    loss = cross_entropy(model(x), y)
    return loss.item(), list(torch.autograd.grad(loss, list(model.parameters())))


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Training mode inside; afterward parameters, buffers and modes are as they were."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [(module, module.training) for module in model.modules()]
    model.train()
    try:
        yield
    finally:
        model.load_state_dict(state)
        for module, mode in modes:
            module.training = mode


@torch.no_grad()
def _move(model: nn.Module, origin: list[torch.Tensor], gradient: list[torch.Tensor], rate: float) -> None:
    for parameter, start, direction in zip(model.parameters(), origin, gradient, strict=True):
        parameter.copy_(start - rate * direction)


def _at(model, x, y, origin, gradient, rate) -> tuple[float, list[torch.Tensor]]:
    _move(model, origin, gradient, rate)
    return loss_and_gradient(model, x, y)


def _flat(tensors: list[torch.Tensor]) -> np.ndarray:
    return np.concatenate([tensor.double().numpy().ravel() for tensor in tensors])
