"""Changes to a network for an experiment: modules put in, noise, dropout, groups, biases.

What draws random numbers has a generator of its own. PyTorch's global one is shared by all threads: with it,
experiments that run side by side in threads would disturb each other.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import nn

__all__ = ["ChangingNoise", "GhostBatchNorm", "SeededDropout", "insert_after", "with_biases"]


def insert_after(model: nn.Sequential, kind: str, make: Callable[[], nn.Module]) -> nn.Sequential:
    """The network with a new module after each of one kind, such as "bn": "after_bn_2" follows "bn_2"."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, module in model.named_children():
        layers[name] = module
        if name.startswith(f"{kind}_"):
            layers[f"after_{name}"] = make()
    if len(layers) == len(model):
        known = ", ".join(name for name, _ in model.named_children())
        raise ValueError(f"kind is {kind!r}, but no module's name begins so: {known}")
    return nn.Sequential(layers)


class ChangingNoise(nn.Module):
    """Noise that moves and stretches each channel, differently in each step. In evaluation it does nothing.

        y_ij = s_ij · x_ij + m_ij      m_ij ~ Uniform(m_j ± 0.1)      s_ij ~ Normal(s_j, 0.1²)

        with, for each channel j and anew in each step,
        m_j ~ Uniform(−strength, strength)      s_j ~ Uniform(1, 1 + strength / 2)

    After BN it makes the very thing that BN is said to prevent: inputs of the next layer whose mean and
    spread change at each step. The paper's strength is 0.5.

    Source: Santurkar, Tsipras, Ilyas & Madry 2018, arXiv:1805.11604, section 2.1 and appendix A.
    """

    def __init__(self, strength: float = 0.5, seed: int = 0):
        super().__init__()
        self.strength = strength
        self.random = torch.Generator().manual_seed(seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Noise for x (n, channels), in training; x itself in evaluation."""
        if not self.training:
            return x
        channels = x.shape[1]
        mean = self.strength * (2 * self._uniform(channels) - 1) + 0.1 * (2 * self._uniform(*x.shape) - 1)
        stretch = 1 + self.strength / 2 * self._uniform(channels)
        each = 0.1 * torch.randn(x.shape, generator=self.random, dtype=x.dtype)
        return (stretch + each) * x + mean

    def _uniform(self, *shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=self.random)


class SeededDropout(nn.Dropout):
    """`nn.Dropout` with random numbers of its own."""

    def __init__(self, p: float, seed: int = 0):
        super().__init__(p)
        self.random = torch.Generator().manual_seed(seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Drop values of x (any shape) in training; x itself in evaluation."""
        if not self.training:
            return x
        kept = torch.rand(x.shape, generator=self.random) >= self.p
        return x * kept / (1 - self.p)


class GhostBatchNorm(nn.BatchNorm1d):
    """Batch normalization that takes its statistics over parts of the batch, the "ghost batches".

    The batch of a step stays as it is; only the number of values behind each mean gets smaller, and so the
    mean noisier. In evaluation it is `nn.BatchNorm1d`. The last part must not be a single sample.

    Source: Hoffer, Hubara & Soudry 2017, arXiv:1705.08741, section 4.
    """

    def __init__(self, num_features: int, size: int):
        super().__init__(num_features)
        self.size = size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize each part of x (n, channels) by itself, in training."""
        if not self.training:
            return super().forward(x)
        return torch.cat([super(GhostBatchNorm, self).forward(part) for part in x.split(self.size)])


def with_biases(model: nn.Sequential, seed: int, start: str) -> nn.Sequential:
    """The same network, in which every hidden linear layer has a bias.

    Args:
        model, seed: the network, and the seed of its biases.
        start: "zero"; "default" for PyTorch's, uniform within ±1/√inputs; "normal" for Normal(0, 1).
    """
    random, layers = torch.Generator().manual_seed(seed), OrderedDict(model.named_children())
    for name, layer in layers.items():
        if name.startswith("linear_"):
            layers[name] = new = nn.Linear(layer.in_features, layer.out_features)
            new.weight = layer.weight
            _begin(new.bias, layer.in_features**-0.5, start, random)
    return nn.Sequential(layers)


@torch.no_grad()
def _begin(bias: torch.Tensor, bound: float, start: str, random: torch.Generator) -> None:
    if start == "normal":
        bias.normal_(generator=random)
    elif start == "default":
        bias.uniform_(-bound, bound, generator=random)
    elif start == "zero":
        bias.zero_()
    else:
        raise ValueError(f'start is {start!r}, expected "zero", "default" or "normal"')
