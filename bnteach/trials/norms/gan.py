"""A generator of digits and its discriminator (a GAN), whose normalizations are arguments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

from bnteach.training.evaluation import evaluating

__all__ = ["discriminator", "fakes", "generator", "train_gan"]

Norm = Callable[[int], nn.Module]
PIXELS, NOISE = 64, 16


def generator(*, seed: int = 0) -> nn.Sequential:
    """16 random numbers → 64 → 64 → 64 pixels between 0 and 1, BN before each ReLU.

    >>> generator()(torch.randn(5, 16)).shape
    torch.Size([5, 64])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = nn.Linear(NOISE, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU()
        second = nn.Linear(64, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU()
        return nn.Sequential(*first, *second, nn.Linear(64, PIXELS), nn.Sigmoid())


def discriminator(first: Norm, second: Norm | None = None, *, seed: int = 0) -> nn.Sequential:
    """64 pixels → 64 → 64 → one number, the score: above 0 for "real", below for "fake".

    Args:
        first, second: the normalizations of the two hidden layers, before their leaky ReLU; `second` is like
            `first` where it is not given.
        seed: of the weights. PyTorch's global random state is not touched.

    >>> discriminator(nn.LayerNorm)(torch.zeros(5, 64)).shape
    torch.Size([5, 1])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        one = nn.Linear(PIXELS, 64), first(64), nn.LeakyReLU(0.2)
        two = nn.Linear(64, 64), (second or first)(64), nn.LeakyReLU(0.2)
        return nn.Sequential(*one, *two, nn.Linear(64, 1))


def train_gan(
    generator: nn.Module,
    discriminator: nn.Module,
    pictures: np.ndarray,
    *,
    mixed: bool = False,
    steps: int = 300,
    batch_size: int = 60,
    learning_rate: float = 0.002,
    seed: int = 0,
) -> None:
    """Train both in turn: the discriminator to tell real from fake, the generator to be taken for real.

        loss of the discriminator = mean log(1 + e^(−score of real)) + mean log(1 + e^(score of fake))
        loss of the generator     = mean log(1 + e^(−score of fake))

    With `mixed`, real and fake pictures pass through the discriminator in one batch. Otherwise each kind has
    a batch of its own, as is usual; with batch normalization it then has statistics of its own.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, section 3; Adam's β₁ from Radford et al. 2015,
    arXiv:1511.06434.
    """
    x, random = torch.from_numpy(pictures), torch.Generator().manual_seed(seed)
    adam = {"lr": learning_rate, "betas": (0.5, 0.999)}
    of_g = torch.optim.Adam(generator.parameters(), **adam)
    of_d = torch.optim.Adam(discriminator.parameters(), **adam)
    generator.train()
    discriminator.train()
    for _ in range(steps):
        real = x[torch.randint(len(x), (batch_size,), generator=random)]
        fake = generator(torch.randn(batch_size, NOISE, generator=random))
        of_real, of_fake = _scores(discriminator, real, fake.detach(), mixed)
        of_d.zero_grad()
        (softplus(-of_real).mean() + softplus(of_fake).mean()).backward()
        of_d.step()

        fake = generator(torch.randn(batch_size, NOISE, generator=random))
        _, of_fake = _scores(discriminator, real, fake, mixed)
        of_g.zero_grad()
        softplus(-of_fake).mean().backward()
        of_g.step()


def _scores(discriminator, real, fake, mixed):
    if mixed:
        return discriminator(torch.cat([real, fake])).split(len(real))
    return discriminator(real), discriminator(fake)


def fakes(generator: nn.Module, count: int, *, seed: int = 0) -> torch.Tensor:
    """`count` pictures that the generator makes in evaluation mode, (count, 64)."""
    noise = torch.randn(count, NOISE, generator=torch.Generator().manual_seed(seed))
    with evaluating(generator), torch.no_grad():
        return generator(noise)
