"""Two small networks for the digits: fully connected, and convolutional."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["mlp", "small_cnn"]


def mlp(
    widths: Sequence[int],
    activation: type[nn.Module] = nn.Sigmoid,
    batch_norm: bool = True,
    *,
    bn_position: str = "before",
    init_scale: float = 1.0,
    seed: int = 0,
) -> nn.Sequential:
    """A fully connected network, with batch normalization in every hidden layer or in none.

    Hidden layer k is `linear_k`, `bn_k`, `activation_k`; the last layer is `output`. These are the names
    that `Recorder` and `named_modules` know. A linear layer right before a BN layer has no bias: BN would
    subtract it again.

    Weights are drawn from Normal(0, init_scale² / fan_in), biases start at 0. The same seed gives the same
    weights with batch normalization and without, so that nothing but BN differs.

    Args:
        widths: the number of values at each stage, input and output included: `[64, 100, 100, 10]`.
        activation: the class of the activation, for example `nn.Sigmoid` or `nn.ReLU`.
        batch_norm: put an `nn.BatchNorm1d` into every hidden layer.
        bn_position: "before" the activation (as in the paper) or "after" it.
        init_scale: factor on the weights' initial standard deviation.
        seed: of the weights: they depend on nothing else. PyTorch's global random state moves on all the
            same, since `nn.Linear` first draws weights of its own, which are then overwritten.

    Returns:
        The network, in training mode. It maps (n, widths[0]) to logits (n, widths[-1]).

    Raises:
        ValueError: fewer than two widths, or a bn_position that is neither "before" nor "after".

    Example:
        >>> for name, layer in mlp([64, 100, 10]).named_children():
        ...     print(name, "=", type(layer).__name__)
        linear_1 = Linear
        bn_1 = BatchNorm1d
        activation_1 = Sigmoid
        output = Linear
    """
    if len(widths) < 2:
        raise ValueError(f"widths is {list(widths)}, expected at least an input and an output width")
    if bn_position not in ("before", "after"):
        raise ValueError(f'bn_position is {bn_position!r}, expected "before" or "after"')
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for k in range(1, len(widths) - 1):
        bias = not (batch_norm and bn_position == "before")
        layers[f"linear_{k}"] = nn.Linear(widths[k - 1], widths[k], bias=bias)
        if batch_norm and bn_position == "before":
            layers[f"bn_{k}"] = nn.BatchNorm1d(widths[k])
        layers[f"activation_{k}"] = activation()
        if batch_norm and bn_position == "after":
            layers[f"bn_{k}"] = nn.BatchNorm1d(widths[k])
    layers["output"] = nn.Linear(widths[-2], widths[-1])
    return _initialize(nn.Sequential(layers), init_scale, seed)


def small_cnn(
    batch_norm: bool = True,
    *,
    channels: Sequence[int] = (8, 16),
    activation: type[nn.Module] = nn.ReLU,
    init_scale: float = 2**0.5,
    seed: int = 0,
) -> nn.Sequential:
    """A small convolutional network for pictures of 8 x 8 values: conv, BN, activation, pool, per stage.

    Stage k is `conv_k`, `bn_k`, `activation_k`, `pool_k` and halves height and width; then `flatten` and
    `output` (ten logits). A convolution before BN has no bias. Weights and seed are as in `mlp`; the default
    init_scale √2 keeps the signal's size through ReLU layers (He et al., 2015, equation 10).

    Args:
        batch_norm: put an `nn.BatchNorm2d` after every convolution.
        channels: the number of feature maps of each stage, at most three stages.
        activation: the class of the activation.
        init_scale: factor on the weights' initial standard deviation 1 / √fan_in.
        seed: of the weights.

    Returns:
        The network, in training mode. It maps (n, 1, 8, 8) to (n, 10).

    Raises:
        ValueError: no stage, or more stages than 8 x 8 values can be halved.

    Example:
        >>> small_cnn()(torch.zeros(4, 1, 8, 8)).shape
        torch.Size([4, 10])
    """
    if not 1 <= len(channels) <= 3:
        raise ValueError(f"channels is {tuple(channels)}, expected one to three stages")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    maps = [1, *channels]
    for k in range(1, len(maps)):
        layers[f"conv_{k}"] = nn.Conv2d(maps[k - 1], maps[k], kernel_size=3, padding=1, bias=not batch_norm)
        if batch_norm:
            layers[f"bn_{k}"] = nn.BatchNorm2d(maps[k])
        layers[f"activation_{k}"] = activation()
        layers[f"pool_{k}"] = nn.MaxPool2d(2)
    side = 8 // 2 ** len(channels)
    layers["flatten"] = nn.Flatten()
    layers["output"] = nn.Linear(channels[-1] * side * side, 10)
    return _initialize(nn.Sequential(layers), init_scale, seed)


def _initialize(model: nn.Sequential, init_scale: float, seed: int) -> nn.Sequential:
    generator = torch.Generator().manual_seed(seed)
    for layer in model:
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            fan_in = layer.weight[0].numel()
            nn.init.normal_(layer.weight, std=init_scale / fan_in**0.5, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return model
