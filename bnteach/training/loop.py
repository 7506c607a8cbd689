"""The training loop, one optimization step at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm

from bnteach.data import Digits

__all__ = ["Step", "one_thread", "progress_bar", "total_steps", "training_steps"]

# It shows the time that is left, not the time that went by: at the end that is 00:00 on every machine.
BAR_FORMAT = "{desc}: {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}, {remaining} left"


class Step(NamedTuple):
    """What one optimization step leaves behind.

    Attributes:
        number: steps done so far, counted from 1.
        epoch: the pass through the data that the step belongs to, counted from 1.
        loss: cross-entropy of the step's batch, before the weights moved. It may be nan or inf.
    """

    number: int
    epoch: int
    loss: float


def training_steps(
    model: nn.Module,
    data: Digits,
    *,
    batch_size: int = 60,
    learning_rate: float | Callable[[int], float] = 0.1,
    epochs: int = 10,
    seed: int = 0,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    order: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None,
) -> Iterator[Step]:
    """Train `model`, and hand control back after every optimization step.

    The loop is a generator: it rests until you ask for the next step, and you may stop, wait or look into
    the network between two steps. Ending it early leaves the model as the last step left it.

    What surprises: an epoch's last, incomplete batch is left out, so that every batch statistic is taken over
    the same number of values (1 347 digits in batches of 60 make 22 steps; the other 27 digits wait for
    another epoch's shuffle). A loss that is nan or inf does not end the training: it is reported as it is.
    Batches this small train faster on one thread: call `torch.set_num_threads(1)` before.

    Args:
        model: a network that gives logits (n, classes). It is put in training mode once, by this call: a
            layer that you set to evaluation afterward stays frozen.
        data: the digits; `data.images()` for a convolutional network. Its dtype must be the model's.
        batch_size: pictures in a step.
        learning_rate: a number, or a function that gives the rate for the step of that number (from 1).
        epochs: passes through the training set, at least 1.
        seed: of the shuffling. Two networks trained with the same seed see the same batches.
        optimizer: called once as `optimizer(model.parameters(), lr=...)`; for momentum give
            `functools.partial(torch.optim.SGD, momentum=0.9)`.
        order: the order of the pictures in an epoch, as `order(labels, generator)`, a tensor of their places;
            None shuffles. `trials.claims.harder_digits.few_classes` makes one.

    Yields:
        Step, with number, epoch and loss.

    Raises:
        ValueError: batch_size is not between 1 and the number of training pictures, or epochs is below 1;
            raised by the call itself, before the first step.

    Example:
        >>> from bnteach.data import digits
        >>> from bnteach.training import mlp
        >>> steps = training_steps(mlp([64, 32, 10]), digits(), learning_rate=0.5)
        >>> next(steps).number, next(steps).number
        (1, 2)

    Source: training a batch-normalized network, Ioffe & Szegedy 2015, section 3.1 and algorithm 2.
    """
    total_steps(data, batch_size, epochs)
    rate = learning_rate if callable(learning_rate) else lambda number: learning_rate
    model.train()
    batches = _batches(data, batch_size, epochs, seed, order or _shuffled)
    return _steps(model, batches, optimizer(model.parameters(), lr=rate(1)), rate)


def _steps(model, batches, optimizer, rate) -> Iterator[Step]:
    for number, (epoch, x, y) in enumerate(batches, start=1):
        for group in optimizer.param_groups:
            group["lr"] = rate(number)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield Step(number, epoch, loss.item())


def _shuffled(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.randperm(len(labels), generator=generator)


def _batches(data: Digits, batch_size: int, epochs: int, seed: int, order):
    x, y = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(1, epochs + 1):
        for chosen in order(y, generator).split(batch_size)[: len(x) // batch_size]:
            yield epoch, x[chosen], y[chosen]


def total_steps(data: Digits, batch_size: int, epochs: int) -> int:
    """How many steps `training_steps` will make; raises ValueError as it does."""
    n = len(data.x_train)
    if not 1 <= batch_size <= n:
        raise ValueError(f"batch_size is {batch_size}, expected 1 to {n}, the number of training pictures")
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}, expected at least 1")
    return epochs * (n // batch_size)


def progress_bar(items: Iterable, total: int, description: str, show: bool) -> Iterator:
    """The items, one after the other, with a bar if `show`: a widget in a notebook, elsewhere text on stderr.

    Example:
        >>> list(progress_bar("abc", total=3, description="letters", show=False))
        ['a', 'b', 'c']
    """
    return iter(tqdm(items, total=total, desc=description, disable=not show, bar_format=BAR_FORMAT))


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for PyTorch inside: small steps are faster so, and sums have the same order everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
