"""Experiments that look inside: a network learns, and something in it is measured.

    smoothness_and_shift       how far its gradient can be trusted, how much the layers disturb each other
    dropout_shift              what dropout does to the variance that a BN layer has stored
    answers_changed_by_biases  what the biases of the hidden layers change

All take a seed and settings and return named results, as `run_seeds` wants it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from bnteach.data import Digits
from bnteach.training.evaluation import accuracy
from bnteach.trials.claims.experiments import first_steps, make_data, make_network, scores
from bnteach.trials.claims.landscape import along_gradient, covariate_shift, unchanged
from bnteach.trials.claims.layers import with_biases

__all__ = ["answers_changed_by_biases", "dropout_shift", "smoothness_and_shift"]


def smoothness_and_shift(
    seed: int, *, steps: int = 60, every: int = 12, learning_rate: float = 0.1, **network
) -> dict[str, float]:
    """Train, and at each `every`-th step measure on a new batch of 60 what its gradient promises.

    Args:
        seed, steps, learning_rate, network: as in `learn`.
        every: measure at each `every`-th step.

    Returns:
        Means over these steps. "change": how far the gradient has changed after steps of 1, 2 and 4 times the
        learning rate, at most, as a part of its length. "shift": how much a layer's gradient changes when the
        layers below it make their step, as a part of its length, mean over the layers. And "accuracy" at the
        end, in percent.

    Example:
        >>> sorted(smoothness_and_shift(0, steps=12))
        ['accuracy', 'change', 'shift']

    Source: Santurkar, Tsipras, Ilyas & Madry 2018, arXiv:1805.11604, figures 2 and 4.
    """
    data, model = make_data(seed), make_network(seed, **network)
    x, y = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
    random, measured = torch.Generator().manual_seed(seed), []
    for step in first_steps(model, data, steps, learning_rate=learning_rate, seed=seed):
        if step.number % every == 0:
            chosen = torch.randperm(len(x), generator=random)[:60]
            measured.append(_at_a_step(model, x[chosen], y[chosen], learning_rate))
    change, shift = np.mean(measured, axis=0).tolist()
    return {"change": change, "shift": shift, "accuracy": scores(model, data)["accuracy"]}


def _at_a_step(model: nn.Module, x: torch.Tensor, y: torch.Tensor, rate: float) -> tuple[float, float]:
    ahead = along_gradient(model, x, y, [rate, 2 * rate, 4 * rate])
    return ahead.distance.max() / ahead.length, covariate_shift(model, x, y, rate).mean()


def dropout_shift(
    seed: int, *, dropout: float = 0.5, steps: int = 200, learning_rate: float = 0.1, **network
) -> dict[str, float]:
    """Train a network with BN and dropout; compare the variance that BN stored with the one it meets in use.

    Returns:
        "variance_ratio": for the BN layers that get their input through dropout, the variance in evaluation
        divided by the one with dropout at work, mean over channels; "accuracy" in evaluation mode, percent;
        "mended": the same after the running statistics were re-estimated with dropout switched off.

    Source: Li, Chen, Hu & Yang 2018, arXiv:1801.05134 (variance shift).
    """
    data, model = make_data(seed), make_network(seed, dropout=dropout, **network)
    for _ in first_steps(model, data, steps, learning_rate=learning_rate, seed=seed):
        pass
    ratio = _variance_ratio(model, torch.from_numpy(data.x_train))
    before = accuracy(model, data.x_test, data.y_test)
    re_estimate(model, data)
    return {
        "variance_ratio": ratio,
        "accuracy": 100 * before,
        "mended": 100 * accuracy(model, data.x_test, data.y_test),
    }


@torch.no_grad()
def _variance_ratio(model: nn.Module, x: torch.Tensor) -> float:
    """Evaluation beside training, mean over the channels of all BN layers but the first."""
    inputs: list[torch.Tensor] = []
    layers = [module for module in model if isinstance(module, nn.BatchNorm1d)][1:]
    hooks = [layer.register_forward_pre_hook(lambda _, given: inputs.append(given[0])) for layer in layers]
    with unchanged(model):
        model(x)
        model.eval()
        model(x)
    for hook in hooks:
        hook.remove()
    with_dropout, in_use = inputs[: len(layers)], inputs[len(layers) :]
    ratios = [(b.var(dim=0) / a.var(dim=0)).mean() for a, b in zip(with_dropout, in_use, strict=True)]
    return torch.stack(ratios).mean().item()


@torch.no_grad()
def re_estimate(model: nn.Module, data: Digits) -> None:
    """Running statistics of the training set as evaluation meets it: dropout is off, BN learns them anew.

    They are the plain average over batches of 60. The network is in evaluation mode afterward.
    """
    model.eval()
    layers = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    for layer in layers:
        layer.train().reset_running_stats()
        layer.momentum = None
    for batch in torch.from_numpy(data.x_train).split(60)[:-1]:
        model(batch)
    model.eval()


def answers_changed_by_biases(
    seed: int, *, start: str, steps: int = 100, learning_rate: float = 0.1, **network
) -> dict[str, float]:
    """Train a network with biases in all hidden layers, then set them to 0: how many answers change?

    What surprises: it depends on how the biases begin, see `with_biases`.

    Returns:
        "changed": the share of the test pictures that get another answer, percent. All are asked in one
        batch in training mode, so that BN uses the statistics of the values it gets.
    """
    data = make_data(seed)
    model = with_biases(make_network(seed, **network), seed, start)
    for _ in first_steps(model, data, steps, learning_rate=learning_rate, seed=seed):
        pass
    x = torch.from_numpy(data.x_test)
    with unchanged(model), torch.no_grad():
        with_bias = model(x).argmax(dim=1)
        for name, layer in model.named_children():
            if name.startswith("linear_"):
                layer.bias.zero_()
        without = model(x).argmax(dim=1)
    return {"changed": 100 * (with_bias != without).float().mean().item()}
