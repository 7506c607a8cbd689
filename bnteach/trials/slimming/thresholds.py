"""What each threshold would leave of a network, for the lab of pruning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import nn

from bnteach.training.cost import cost
from bnteach.training.loop import one_thread
from bnteach.trials.slimming.comparison import L1_STRENGTH, data_for, new_network, score, train_network
from bnteach.trials.slimming.cutting import cut
from bnteach.trials.slimming.gamma import ChannelMasks, channels_above, gamma_sizes

__all__ = ["CutsAtThresholds", "cut_at_thresholds", "trained_network"]


@dataclass(frozen=True)
class CutsAtThresholds:
    """One network, and what would be left of it after a cut at each of n thresholds, without fine-tuning.

    Attributes:
        sizes: of each layer's γ, as a share of the largest: between 0 and 1.
        stays: how many channels of each layer, (n, layers).
        accuracy: in percent, (n,).
        without_constants: the same with h(β) of the cut channels thrown away, (n,).
        parameters, multiply_adds: (n,).
    """

    sizes: tuple[np.ndarray, ...]
    stays: np.ndarray
    accuracy: np.ndarray
    without_constants: np.ndarray
    parameters: np.ndarray
    multiply_adds: np.ndarray


@lru_cache(maxsize=2)
def trained_network(with_l1: bool, network: str = "convolutions", seed: int = 0) -> nn.Sequential:
    """A network of `comparison`, trained with L1 on γ or without.

    It takes a second or two, the first time. The network is kept and given out again: do not change it.
    """
    with one_thread():
        strength = L1_STRENGTH if with_l1 else 0.0
        return train_network(new_network(network, seed), network, strength=strength, seed=seed)


def cut_at_thresholds(
    model: nn.Sequential, thresholds: Sequence[float], *, in_layer: bool, network: str = "convolutions"
) -> CutsAtThresholds:
    """Cut a trained network at each threshold, a share of the largest |γ|, and test what is left.

    The largest is that of the layer with `in_layer`, of the network without. The first threshold is 0.
    """
    every = gamma_sizes(model, in_layer=in_layer)
    largest = max(size.max().item() for size in every.values())
    rows: dict[tuple, list] = {}  # many thresholds leave the same channels, and are tested once
    with one_thread():
        chosen = [channels_above(model, t * largest, in_layer=in_layer) for t in thresholds]
        names = [tuple(torch.cat(list(keep.values())).tolist()) for keep in chosen]
        for name, keep in zip(names, chosen, strict=True):
            rows[name] = rows.get(name) or _row(model, keep, network)
    *stays, kept, thrown, parameters, multiply_adds = np.array([rows[name] for name in names]).T
    shares = tuple(size.numpy() / largest for size in every.values())
    counts = np.stack(stays, axis=1).astype(int)
    return CutsAtThresholds(shares, counts, kept, thrown, parameters.astype(int), multiply_adds.astype(int))


def _row(model: nn.Sequential, keep: ChannelMasks, network: str) -> list[float]:
    small, bare = cut(model, keep), cut(model, keep, constants=False)
    stays = [int(mask.sum()) for mask in keep.values()]
    costs = cost(small, data_for(network).x_test.shape[1:])
    return [*stays, score(small, network), score(bare, network), *costs]
