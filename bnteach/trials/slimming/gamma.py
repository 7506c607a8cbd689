"""Network slimming: L1 on γ while a network learns, and its channels made silent."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["Keep", "batch_norms", "l1_on_gamma", "silenced"]

Keep = Mapping[str, torch.Tensor]
"""For each BN layer, by its name, which channels stay: a bool for each channel."""


def batch_norms(model: nn.Module) -> dict[str, _BatchNorm]:
    """The BN layers of a network by their names, in order.

    Raises:
        ValueError: there is none that has a γ.

    Example:
        >>> from bnteach.training import mlp
        >>> list(batch_norms(mlp([64, 20, 20, 10])))
        ['bn_1', 'bn_2']
    """
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

    Args:
        model: a network with BN.
        strength: λ, 0 or more. The size of its pull does not depend on the size of γ.

    Raises:
        ValueError: strength is negative, or the network has no BN with a γ.

    Example:
        >>> model = nn.Sequential(nn.BatchNorm1d(2))
        >>> with l1_on_gamma(model, 0.5):
        ...     (0 * model(torch.randn(4, 2)).sum()).backward()
        >>> model[0].weight.grad
        tensor([0.5000, 0.5000])

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


def silenced(model: nn.Module, keep: Keep, *, beta: bool = True) -> nn.Module:
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
