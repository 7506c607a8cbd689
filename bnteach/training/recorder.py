"""What is written down while a network learns: loss, accuracy, one layer's input, gradients."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from bnteach.data import Digits
from bnteach.training.evaluation import accuracy
from bnteach.training.loop import Step

__all__ = ["PERCENTILES", "History", "Recorder"]

PERCENTILES = (15, 50, 85)
"""The percentiles that Ioffe & Szegedy 2015 draw in figure 1 (b, c)."""


@dataclass(frozen=True)
class History:
    """The record of one training, as arrays.

    Attributes:
        loss: cross-entropy of each step's batch, (steps,). Not smoothed, and not cut where it is nan or inf.
        recorded_at: the numbers of the steps at which the rest was measured, (k,).
        test_accuracy: on the whole test set, in evaluation mode, (k,).
        gradient_norms: Euclidean norm of the loss's gradient for each layer's weights, (k, weights). The
            layers are in forward order; those whose weights need no gradient are left out.
        percentiles: the 15th, 50th and 85th percentile of the watched values, (k, 3); None without a layer.
    """

    loss: np.ndarray
    recorded_at: np.ndarray
    test_accuracy: np.ndarray
    gradient_norms: np.ndarray
    percentiles: np.ndarray | None

    def __repr__(self) -> str:
        state = "all losses finite" if np.isfinite(self.loss).all() else "diverged"
        last = f", test accuracy {self.test_accuracy[-1]:.1%}" if len(self.test_accuracy) else ""
        return f"History({len(self.loss)} steps, {state}{last})"


class Recorder(AbstractContextManager):
    """Writes down what happens in a network while `training_steps` trains it.

    The watched values are the input of the layer `layer`: for "activation_3" these are the third layer's
    pre-activations. They are those of the training step's own batch, as the network computed them in training
    mode, read by a forward hook. Use the recorder in a `with` block, or call `close`, to take the hook away.

    Args:
        model: the network.
        data: its test set is used for the accuracy.
        layer: a name in `model.named_modules()`, or None to watch no layer.
        unit: watch this one column (or feature map) of the layer's input, as figure 1 of the paper does; None
            watches all.
        every: measure at each `every`-th step. The loss is noted at each step.

    Raises:
        ValueError: layer names no module of the model, unit is given without a layer, or every is below 1.

    Example:
        >>> from bnteach.data import digits
        >>> from bnteach.training import mlp, training_steps
        >>> model, data = mlp([64, 32, 10]), digits()
        >>> with Recorder(model, data, layer="activation_1", every=11) as recorder:
        ...     for step in training_steps(model, data, epochs=1):
        ...         recorder.record(step)
        >>> recorder.history().percentiles.shape
        (2, 3)

    Source: Ioffe & Szegedy 2015, section 4.1 and figure 1.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Digits,
        *,
        layer: str | None = None,
        unit: int | None = None,
        every: int = 20,
    ):
        if every < 1:
            raise ValueError(f"every is {every}, expected at least 1")
        if unit is not None and layer is None:
            raise ValueError(f"unit is {unit} but layer is None: name the layer that the unit belongs to")
        self.model, self.data, self.unit, self.every = model, data, unit, every
        self._weights = [weight for weight in model.parameters() if weight.ndim > 1 and weight.requires_grad]
        self._watched: torch.Tensor | None = None
        self._hook = None if layer is None else _module(model, layer).register_forward_pre_hook(self._watch)
        self._loss: list[float] = []
        self._recorded_at: list[int] = []
        self._accuracy: list[float] = []
        self._norms: list[list[float]] = []
        self._percentiles: list[np.ndarray] = []

    def _watch(self, module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        values = inputs[0].detach()
        # A copy, because an activation with inplace=True writes over its input right after this.
        self._watched = (values if self.unit is None else values[:, self.unit]).clone()

    def record(self, step: Step) -> None:
        """Note the step's loss, and measure everything else if its turn has come."""
        self._loss.append(step.loss)
        if step.number % self.every == 0:
            self.measure(step.number)

    def measure(self, number: int) -> None:
        """Measure now, as of step `number`; a step that is measured already is left alone."""
        if self._recorded_at[-1:] == [number]:
            return
        # First the percentiles: the accuracy runs the network on the test set, and the hook hears that too.
        if self._watched is not None:
            self._percentiles.append(np.percentile(self._watched.numpy(), PERCENTILES))
        self._recorded_at.append(number)
        self._accuracy.append(accuracy(self.model, self.data.x_test, self.data.y_test))
        self._norms.append([_norm(weight.grad) for weight in self._weights])

    def history(self) -> History:
        """Everything recorded so far. It may be asked for at any time, also in the middle of a training."""
        percentiles = np.array(self._percentiles).reshape(-1, len(PERCENTILES))
        return History(
            loss=np.array(self._loss),
            recorded_at=np.array(self._recorded_at, dtype=int),
            test_accuracy=np.array(self._accuracy, dtype=float),
            gradient_norms=np.array(self._norms).reshape(len(self._norms), len(self._weights)),
            percentiles=None if self._hook is None else percentiles,
        )

    def close(self) -> None:
        """Take the forward hook away. The record stays."""
        if self._hook is not None:
            self._hook.remove()

    def __exit__(self, *error) -> None:
        self.close()


def _module(model: nn.Module, name: str) -> nn.Module:
    modules = dict(model.named_modules())
    if name not in modules:
        known = ", ".join(filter(None, modules))
        raise ValueError(f"layer is {name!r}, expected the name of a module of the model: {known}")
    return modules[name]


def _norm(gradient: torch.Tensor | None) -> float:
    return float("nan") if gradient is None else gradient.norm().item()
