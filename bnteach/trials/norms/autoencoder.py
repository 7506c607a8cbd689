"""An autoencoder of digits, whose normalizations are arguments; `nn.Identity` for none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn.functional import mse_loss

__all__ = ["autoencoder", "train_autoencoder"]

Norm = Callable[[int], nn.Module]
PIXELS = 64


def autoencoder(hidden: Norm, code: Norm, *, width: int = 2, seed: int = 0) -> nn.Sequential:
    """64 pixels → 64 → 32 → a code of `width` numbers → 32 → 64 → 64 pixels.

    Args:
        hidden: the normalization of the four hidden layers, before their ReLU.
        code: the normalization of the code, which has no activation.
        width: of the code.
        seed: of the weights. PyTorch's global random state is not touched.

    >>> autoencoder(nn.BatchNorm1d, nn.Identity)(torch.zeros(5, 64)).shape
    torch.Size([5, 64])
    """

    def layer(inputs, outputs):
        return nn.Linear(inputs, outputs), hidden(outputs), nn.ReLU()

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encode = *layer(PIXELS, 64), *layer(64, 32), nn.Linear(32, width), code(width)
        decode = *layer(width, 32), *layer(32, 64), nn.Linear(64, PIXELS), nn.Sigmoid()
        return nn.Sequential(*encode, *decode)


def train_autoencoder(
    network: nn.Module,
    pictures: np.ndarray,
    *,
    epochs: int = 10,
    batch_size: int = 60,
    learning_rate: float = 0.003,
    seed: int = 0,
) -> None:
    """Train with Adam to give each picture (n, 64) back; the last, incomplete batch is left out."""
    x, random = torch.from_numpy(pictures), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    network.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(x), generator=random).split(batch_size)[: len(x) // batch_size]:
            optimizer.zero_grad()
            mse_loss(network(x[chosen]), x[chosen]).backward()
            optimizer.step()
