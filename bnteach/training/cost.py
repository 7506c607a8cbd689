"""What a network costs: parameters, multiply-adds, seconds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from bnteach.training.evaluation import evaluating
from bnteach.training.loop import one_thread

__all__ = ["Cost", "cost", "time_ratios"]


class Cost(NamedTuple):
    """What one picture costs: learned numbers, and multiplications that are followed by an addition."""

    parameters: int
    multiply_adds: int


def cost(model: nn.Module, shape: Sequence[int]) -> Cost:
    """Count a network's parameters and its multiply-adds for one picture.

    What surprises: PyTorch counts a multiply-add as two operations, and leaves BN out. Here it is one, and a
    BN layer makes one for each value. Activations and pooling multiply nothing: they count as 0, though they
    take time.

    Args:
        model: any network made of linear layers, convolutions and BN.
        shape: of one picture, such as (1, 8, 8).

    Example:
        >>> cost(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)), (1, 8, 8))
        Cost(parameters=48, multiply_adds=2560)
    """
    of_bn: list[int] = []
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    handles = [bn.register_forward_hook(lambda bn, x, y: of_bn.append(y.numel())) for bn in norms]
    with evaluating(model), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *shape, dtype=next(model.parameters()).dtype))
    for handle in handles:
        handle.remove()
    return Cost(sum(p.numel() for p in model.parameters()), counter.get_total_flops() // 2 + sum(of_bn))


def time_ratios(
    models: Sequence[nn.Module], pictures: torch.Tensor, *, rounds: int = 20, repeat: int = 1
) -> np.ndarray:
    """How long each network takes in evaluation, as a share of the time of the first one.

    Each round times all networks, so that what else the computer does hits all of them. The median of the
    rounds leaves out what hit only one. A small network that runs right after a large one is slower, for the
    large one has filled the cache: so the order is drawn anew in each round, and each network runs once,
    untimed, before it is timed.

    Args:
        models: at least one.
        pictures: one batch.
        rounds: how many; one more before them warms up.
        repeat: passes of each network in a round.

    Returns:
        Shape (models,), 1.0 first.
    """
    with one_thread(), torch.no_grad():
        for model in models:
            model.eval()
        times = np.empty((rounds + 1, len(models)))
        order = np.random.default_rng(0)
        for row in times:
            for place in order.permutation(len(models)):
                row[place] = _seconds(models[place], pictures, repeat)
    times = times[1:]
    return np.median(times / times[:, :1], axis=0)


def _seconds(model: nn.Module, pictures: torch.Tensor, repeat: int) -> float:
    model(pictures)
    start = time.perf_counter()
    for _ in range(repeat):
        model(pictures)
    return time.perf_counter() - start
