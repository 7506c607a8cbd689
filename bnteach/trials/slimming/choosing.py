"""Which channels stay: by the size of their γ, or at random."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from bnteach.trials.slimming.gamma import Keep, batch_norms

__all__ = ["channels_above", "random_channels", "sizes", "strongest", "threshold_for"]


def sizes(model: nn.Module, *, in_layer: bool = False) -> dict[str, torch.Tensor]:
    """|γ| of each channel, or with `in_layer` its share of the largest |γ| of its layer.

    What surprises: |γ| itself compares badly between layers. A factor on all γ and β of a layer is taken out
    again by the next BN, so the size that a layer's γ have together means nothing. The last hidden layer has
    no BN behind it; there it means something.

    Example:
        >>> model = nn.Sequential(nn.BatchNorm1d(2))
        >>> model[0].weight.data = torch.tensor([0.5, -2.0])
        >>> sizes(model)["0"], sizes(model, in_layer=True)["0"]
        (tensor([0.5000, 2.0000]), tensor([0.2500, 1.0000]))
    """
    found = {name: bn.weight.detach().abs() for name, bn in batch_norms(model).items()}
    return {name: size / size.max() for name, size in found.items()} if in_layer else found


def threshold_for(model: nn.Module, share: float, *, in_layer: bool = False) -> float:
    """The threshold on the sizes below which this share of all channels of the network lies.

    Args:
        model: a network with BN.
        share: from 0 to less than 1. One threshold for all layers: they may lose very different shares.
        in_layer: as in `sizes`.

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
    every = torch.cat(list(sizes(model, in_layer=in_layer).values())).sort().values
    return every[min(round(share * len(every)), len(every) - 1)].item()


def channels_above(model: nn.Module, threshold: float, *, in_layer: bool = False) -> dict[str, torch.Tensor]:
    """The channels whose size is at least the threshold. Each layer keeps at least one, its largest.

    A layer without any channel would cut the network in two. `in_layer` is as in `sizes`.

    Example:
        >>> model = nn.Sequential(nn.BatchNorm1d(3))
        >>> model[0].weight.data = torch.tensor([0.1, -0.7, 0.3])
        >>> channels_above(model, 0.3)["0"], channels_above(model, 9)["0"]
        (tensor([False,  True,  True]), tensor([False,  True, False]))
    """
    every = sizes(model, in_layer=in_layer)
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


def random_channels(keep: Keep, seed: int = 0) -> dict[str, torch.Tensor]:
    """As many channels in each layer as `keep` has, but drawn at random.

    Example:
        >>> drawn = random_channels({"bn_1": torch.tensor([True, False, False, True])})
        >>> int(drawn["bn_1"].sum())
        2
    """
    random = torch.Generator().manual_seed(seed)
    return {name: mask[torch.randperm(len(mask), generator=random)] for name, mask in keep.items()}
