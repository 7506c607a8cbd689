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
    """A network with a new module after each module of one kind. The others are shared, not copied.

    The module after "bn_2" is called "after_bn_2".

    Args:
        model: a network whose modules have names such as "bn_2" and "activation_2", as in `mlp`.
        kind: the beginning of the names: "bn", "activation", "linear".
        make: makes the module, anew for each place.

    Raises:
        ValueError: the network has no module of this kind.

    Example:
        >>> from bnteach.training import mlp
        >>> names = insert_after(mlp([64, 20, 10]), "activation", nn.Dropout).named_children()
        >>> [name for name, _ in names]
        ['linear_1', 'bn_1', 'activation_1', 'after_activation_1', 'output']
    """
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
    spread change at each step.

    Args:
        strength: how far the mean of a channel moves; 0.5 is the paper's.
        seed: of the noise.

    Example:
        >>> noise, x = ChangingNoise(), torch.zeros(1000, 2)
        >>> bool(noise(x).mean(dim=0).abs().max() > 0), torch.equal(noise.eval()(x), x)
        (True, True)

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
    """`nn.Dropout` with random numbers of its own.

    Args:
        p: the share of values set to zero in training; the others are divided by 1 − p.
        seed: of the choice.

    Example:
        >>> x = torch.ones(1, 6)
        >>> torch.equal(SeededDropout(0.5, seed=1)(x), SeededDropout(0.5, seed=1)(x))
        True
    """

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
    """Batch normalization that takes its statistics over parts of the batch: "ghost batches".

    The batch of a step stays as it is; only the number of values behind each mean gets smaller, and so the
    mean noisier. In evaluation it is `nn.BatchNorm1d`.

    Args:
        num_features: as in `nn.BatchNorm1d`.
        size: samples in each part; the last part may be smaller, but must not be a single one.

    Example:
        >>> y = GhostBatchNorm(2, size=3)(torch.randn(6, 2))
        >>> bool(y[:3].mean().abs() < 1e-6)
        True

    Source: Hoffer, Hubara & Soudry 2017, arXiv:1705.08741, section 4 (ghost batch normalization).
    """

    def __init__(self, num_features: int, size: int):
        super().__init__(num_features)
        self.size = size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize each part of x (n, channels) by itself, in training."""
        if not self.training:
            return super().forward(x)
        return torch.cat([super(GhostBatchNorm, self).forward(part) for part in x.split(self.size)])


def with_biases(model: nn.Sequential, seed: int) -> nn.Sequential:
    """The same network, in which every hidden linear layer has a bias, drawn from Normal(0, 1).

    `mlp` leaves the bias out where BN follows directly. Here it is put back, to see what it does. The modules
    are shared with the model given, but for the linear ones.

    Example:
        >>> from bnteach.training import mlp
        >>> with_biases(mlp([64, 20, 10]), seed=0).linear_1.bias.shape
        torch.Size([20])
    """
    random, layers = torch.Generator().manual_seed(seed), OrderedDict(model.named_children())
    for name, layer in layers.items():
        if name.startswith("linear_"):
            layers[name] = new = nn.Linear(layer.in_features, layer.out_features)
            new.weight = layer.weight
            nn.init.normal_(new.bias, generator=random)
    return nn.Sequential(layers)
