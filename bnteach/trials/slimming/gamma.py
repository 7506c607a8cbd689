"""The size of γ as the worth of a channel: made small by L1, compared, and which channels stay."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = [
    "ChannelMasks",
    "batch_norms",
    "channels_above",
    "gamma_sizes",
    "l1_on_gamma",
    "random_channels",
    "silenced",
    "strongest",
    "threshold_for",
]

ChannelMasks = Mapping[str, torch.Tensor]
"""For each BN layer, by its name, which channels stay: a bool for each channel."""


def batch_norms(model: nn.Module) -> dict[str, _BatchNorm]:
    """The BN layers of a network that have a γ, by their names, in order; a ValueError if there is none."""
    found = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and module.affine
    }
    if not found:
        raise ValueError("model has no batch normalization with a γ, expected at least one")
    return found


@contextmanager
def l1_on_gamma(model: nn.Module, strength: float) -> Iterator[None]:
    """Inside, every gradient of a γ gets `strength · sign(γ)` added: the subgradient of strength · Σ|γ|.

    So any loop and any optimizer trains with the penalty, and needs not know of it. At γ = 0 the sign is 0.

    What surprises: steps of finite size do not bring γ to exactly 0. It goes to and fro around 0, by about
    learning rate · strength.

    Source: Liu, Li, Shen, Huang, Yan & Zhang 2017, arXiv:1708.06519, section 3.
    """
    if strength < 0:
        raise ValueError(f"strength is {strength}, expected 0 or more")
    gammas = [bn.weight for bn in batch_norms(model).values()]
    handles = [
        gamma.register_hook(lambda grad, gamma=gamma: grad + strength * gamma.detach().sign())
        for gamma in gammas
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def silenced(model: nn.Module, keep: ChannelMasks, *, beta: bool = True) -> nn.Module:
    """A copy of the network in which γ and β of the channels that do not stay are 0.

    It has the size of the whole network. What `cut` gives is really smaller.

    Args:
        model: a network with BN. It is not changed.
        keep: which channels stay, for each BN layer.
        beta: False leaves β as it is: the channel then says the constant β, whatever the picture.

    Example:
        >>> model = nn.Sequential(nn.BatchNorm1d(2))
        >>> silenced(model, {"0": torch.tensor([True, False])})[0].weight.tolist()
        [1.0, 0.0]
    """
    model = copy.deepcopy(model)
    for name, bn in batch_norms(model).items():
        bn.weight.data[~keep[name]] = 0
        if beta:
            bn.bias.data[~keep[name]] = 0
    return model


def gamma_sizes(model: nn.Module, *, in_layer: bool = False) -> dict[str, torch.Tensor]:
    """|γ| of each channel, or with `in_layer` its share of the largest |γ| of its layer.

    What surprises: |γ| itself compares badly between layers. A factor on all γ and β of a layer is taken out
    again by the next BN, so the size that a layer's γ have together means nothing. The last hidden layer has
    no BN behind it; there it means something.

    Example:
        >>> model = nn.Sequential(nn.BatchNorm1d(2))
        >>> model[0].weight.data = torch.tensor([0.5, -2.0])
        >>> gamma_sizes(model)["0"], gamma_sizes(model, in_layer=True)["0"]
        (tensor([0.5000, 2.0000]), tensor([0.2500, 1.0000]))
    """
    found = {name: bn.weight.detach().abs() for name, bn in batch_norms(model).items()}
    return {name: size / size.max() for name, size in found.items()} if in_layer else found


def threshold_for(model: nn.Module, share: float, *, in_layer: bool = False) -> float:
    """The threshold on the sizes below which this share of all channels of the network lies.

    Args:
        model: a network with BN.
        share: from 0 to less than 1. One threshold for all layers: they may lose very different shares.
        in_layer: as in `gamma_sizes`.

    Raises:
        ValueError: share is not in that range.

    Example:
        >>> model = nn.Sequential(nn.BatchNorm1d(4))
        >>> model[0].weight.data = torch.tensor([0.1, -0.2, 0.3, -0.4])
        >>> round(threshold_for(model, 0.5), 2)
        0.3
    """
    if not 0 <= share < 1:
        raise ValueError(f"share is {share}, expected a number from 0 to less than 1")
    every = torch.cat(list(gamma_sizes(model, in_layer=in_layer).values())).sort().values
    return every[min(round(share * len(every)), len(every) - 1)].item()


def channels_above(model: nn.Module, threshold: float, *, in_layer: bool = False) -> dict[str, torch.Tensor]:
    """The channels whose size is at least the threshold. Each layer keeps at least one, its largest.

    A layer without any channel would cut the network in two. `in_layer` is as in `gamma_sizes`.

    Example:
        >>> model = nn.Sequential(nn.BatchNorm1d(3))
        >>> model[0].weight.data = torch.tensor([0.1, -0.7, 0.3])
        >>> channels_above(model, 0.3)["0"], channels_above(model, 9)["0"]
        (tensor([False,  True,  True]), tensor([False,  True, False]))
    """
    every = gamma_sizes(model, in_layer=in_layer)
    return {name: size >= min(threshold, size.max().item()) for name, size in every.items()}


def strongest(model: nn.Module, widths: Mapping[str, int]) -> dict[str, torch.Tensor]:
    """In each layer as many channels as `widths` says: those with the largest |γ| of their layer.

    Example:
        >>> model = nn.Sequential(nn.BatchNorm1d(3))
        >>> model[0].weight.data = torch.tensor([0.1, -0.7, 0.3])
        >>> strongest(model, {"0": 2})["0"]
        tensor([False,  True,  True])
    """
    keep = {}
    for name, bn in batch_norms(model).items():
        order = bn.weight.detach().abs().argsort(descending=True, stable=True)
        keep[name] = torch.zeros(len(order), dtype=torch.bool).index_fill(0, order[: widths[name]], True)
    return keep


def random_channels(keep: ChannelMasks, seed: int = 0) -> dict[str, torch.Tensor]:
    """As many channels in each layer as `keep` has, but drawn at random."""
    random = torch.Generator().manual_seed(seed)
    return {name: mask[torch.randperm(len(mask), generator=random)] for name, mask in keep.items()}
