"""Take back what L1 has done to the size of a whole layer. The next BN divides the factor out again."""

from __future__ import annotations

import copy

import torch
from torch import nn

from bnteach.trials.slimming.cutting import hidden_layers

__all__ = ["rescaled"]

SCALE_ALONG = nn.ReLU, nn.LeakyReLU  # h(s·y) = s·h(y) for s > 0


def rescaled(model: nn.Sequential, largest: float = 0.5) -> nn.Sequential:
    """The same network, with γ and β of each layer multiplied so that its largest |γ| is `largest`.

    Only layers with a BN behind the next weights change. In training mode that BN divides the factor s out
    again by itself. In evaluation its running statistics would no longer fit, so they are changed here: its
    running mean is multiplied by s and its running variance by s², as new batches would do it.

    What surprises: the outputs stay (but for ε, which is not multiplied), and yet training goes on
    differently. The gradient of γ is divided by s, and γ itself has grown by s. So a step changes γ by a
    share that is s² times smaller. After strong L1 γ is small, and a step of the usual rate far too large.

    Args:
        model: as in `cut`, with ReLU or LeakyReLU. It is not changed.
        largest: what γ began with is a good choice.

    Raises:
        TypeError: an activation does not pass a factor on.
        ValueError: a layer has γ = 0 everywhere.

    Example:
        >>> from bnteach.training import mlp
        >>> model = rescaled(mlp([64, 20, 20, 10], nn.ReLU))
        >>> model.bn_1.weight[0].item(), model.bn_2.weight[0].item()
        (0.5, 1.0)
    """
    model = copy.deepcopy(model)
    for hidden in hidden_layers(model):
        if hidden.following_bn is None:
            continue
        for activation in hidden.activations:
            if not isinstance(activation, SCALE_ALONG):
                raise TypeError(
                    f"a {type(activation).__name__} follows {hidden.name}, expected ReLU or LeakyReLU"
                )
        biggest = hidden.bn.weight.detach().abs().max().item()
        if biggest == 0:
            raise ValueError(f"{hidden.name} has γ = 0 everywhere: no factor makes it {largest}")
        _multiply(hidden, largest / biggest)
    return model


def _multiply(hidden, s: float) -> None:
    with torch.no_grad():
        hidden.bn.weight *= s
        hidden.bn.bias *= s
    after, bias = hidden.following_bn, hidden.following.bias
    fixed = 0 if bias is None else bias.detach()  # a bias of the next layer does not grow along
    after.running_mean = s * (after.running_mean - fixed) + fixed
    after.running_var *= s**2
