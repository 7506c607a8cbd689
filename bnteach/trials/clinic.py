"""The broken networks of lesson 05's exercises. Each fault is made as people make it."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from bnteach.data import digits
from bnteach.training import mlp

__all__ = ["broken_networks", "lagging_network", "shuffled", "trained"]

Batch = tuple[torch.Tensor, torch.Tensor]
EPOCHS = 5


def broken_networks(seed: int = 0) -> dict[str, tuple[nn.Sequential, float]]:
    """A healthy network and four broken ones, after 110 steps of training, saved, and loaded again.

    Args:
        seed: of the weights, and of the order of the batches.

    Returns:
        For "healthy" and the letters "A" to "D" the network, in evaluation mode, and its mean training loss
        in the last epoch. Guessing has the loss 2.30.

    Example:
        >>> list(broken_networks())
        ['healthy', 'A', 'B', 'C', 'D']
    """
    healthy, loss = trained(seed, shuffled())
    lagging, _ = trained(seed, shuffled(), momentum=0.001)
    sorted_by_class, loss_of_sorted = trained(seed, of_one_class())
    validated, _ = trained(seed, shuffled(), validate=in_training_mode)
    return {
        "healthy": (reloaded(healthy.state_dict()), loss),
        "A": (reloaded(lagging.state_dict()), loss),
        "B": (reloaded(sorted_by_class.state_dict()), loss_of_sorted),
        "C": (reloaded(validated.state_dict()), loss),
        "D": (reloaded(dict(healthy.named_parameters())), loss),
    }


def lagging_network(seed: int) -> nn.Sequential:
    """A trained network with good weights and running averages that have not arrived.

    It has two hidden layers, `bn_1` and `bn_2` before each ReLU, and is returned in evaluation mode.

    Example:
        >>> lagging_network(seed=0).bn_1.num_batches_tracked.item()
        110
    """
    return reloaded(trained(seed, shuffled(), momentum=0.001)[0].state_dict())


def network_of_lesson_05(seed: int = 0) -> nn.Sequential:
    return mlp([64, 100, 100, 10], nn.ReLU, init_scale=2**0.5, seed=seed)


def reloaded(state: dict[str, torch.Tensor]) -> nn.Sequential:
    """A new network with this state; what is missing in it stays as it is in a new one."""
    network = network_of_lesson_05()
    network.load_state_dict(state, strict=False)
    return network.eval()


def shuffled() -> list[Batch]:
    """22 batches of 60 digits."""
    data = digits()
    x, y = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
    return list(zip(x.split(60)[:22], y.split(60)[:22], strict=True))


def of_one_class() -> list[Batch]:
    """The same number of batches, each of one digit alone."""
    data = digits()
    order = torch.from_numpy(data.y_train.argsort(kind="stable"))
    x, y = torch.from_numpy(data.x_train)[order], torch.from_numpy(data.y_train)[order]
    halves = [(x[half], y[half]) for digit in range(10) for half in torch.where(y == digit)[0].chunk(2)]
    return [*halves, halves[0], halves[-1]]


def trained(
    seed: int, batches: list[Batch], momentum: float = 0.1, validate=lambda network: None
) -> tuple[nn.Sequential, float]:
    """The network, and its mean loss in the last epoch."""
    network = network_of_lesson_05(seed)
    network.bn_1.momentum = network.bn_2.momentum = momentum
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    shuffle = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        losses = [step(network, optimizer, *batches[k]) for k in torch.randperm(22, generator=shuffle)]
        validate(network)
    return network, float(np.mean(losses))


def step(network: nn.Sequential, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> float:
    loss = nn.functional.cross_entropy(network(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def in_training_mode(network: nn.Sequential) -> None:
    """A look at brighter pictures that forgets eval()."""
    with torch.no_grad():
        for pictures in torch.from_numpy(digits().x_test).split(60):
            network(pictures + 0.5)
