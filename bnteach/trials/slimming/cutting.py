"""Cut channels out of a network: tensors that are really smaller, not masks."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bnteach.trials.slimming.gamma import ChannelMasks, batch_norms

__all__ = ["Hidden", "cut", "hidden_layers"]

LAYERS = nn.Linear, nn.Conv2d
ACTIVATIONS = nn.ReLU, nn.Sigmoid, nn.Tanh, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.ELU
KEEP_CONSTANTS = nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Flatten, nn.Identity


class Hidden(NamedTuple):
    """A hidden layer: a linear layer or convolution, its BN, its activations, and who listens to it."""

    name: str  # of the BN
    layer: nn.Module
    bn: _BatchNorm
    activations: list[nn.Module]
    following: nn.Module
    following_bn: _BatchNorm | None


def cut(model: nn.Sequential, keep: ChannelMasks, *, constants: bool = True) -> nn.Sequential:
    """The network without the channels that do not stay.

    A channel lives in three places: as an output of the layer before BN, as an entry of each vector of BN,
    and as an input of the next layer. It is taken out of all three.

    What surprises: a channel with γ = 0 still says something, the constant h(β), with h the activation. The
    next layer multiplies it by its weights and adds it up: that is a bias. With `constants=True` the next
    layer's BN gets it (it is taken from the running mean), or else its bias. In a convolution with padding
    this is right away from the edge only: the zeros around the picture never held the constant.

    Args:
        model: linear layers and 2d convolutions in a row, with BN right after all of them but the last, and
            activations, pooling and flattening between. It is not changed.
        keep: which channels stay, for each BN layer; at least one in each.
        constants: False throws h(β) away with the channel, as if it were 0.

    Returns:
        A smaller network, with the same names and modes.

    Raises:
        ValueError: keep does not fit the network, or leaves a layer empty; or a hidden layer has no BN.
        TypeError: the network has a layer that this cannot cut.

    Example:
        >>> from bnteach.training import mlp
        >>> small = cut(mlp([64, 3, 10]), {"bn_1": torch.tensor([True, False, True])})
        >>> small.linear_1.weight.shape, small.bn_1.bias.shape, small.output.weight.shape
        (torch.Size([2, 64]), torch.Size([2]), torch.Size([10, 2]))

    Source: Liu, Li, Shen, Huang, Yan & Zhang 2017, arXiv:1708.06519, section 3.
    """
    _check(model, keep)
    model = copy.deepcopy(model)
    for hidden in hidden_layers(model):
        stays = keep[hidden.name]
        constants_of_cut = hidden.bn.bias.detach()[~stays]
        for activation in hidden.activations:
            constants_of_cut = activation(constants_of_cut)
        _cut_outputs(hidden.layer, stays)
        _cut_entries(hidden.bn, stays)
        lost = _cut_inputs(hidden.following, stays, constants_of_cut)
        if constants:
            _add_constants(hidden.following, hidden.following_bn, lost)
    return model


def _cut_outputs(layer: nn.Module, stays: torch.Tensor) -> None:
    layer.weight = nn.Parameter(layer.weight.detach()[stays])
    if layer.bias is not None:
        layer.bias = nn.Parameter(layer.bias.detach()[stays])
    _set_sizes(layer)


def _cut_entries(bn: _BatchNorm, stays: torch.Tensor) -> None:
    for name in ("weight", "bias"):
        setattr(bn, name, nn.Parameter(getattr(bn, name).detach()[stays]))
    for name in ("running_mean", "running_var"):
        setattr(bn, name, getattr(bn, name)[stays])
    bn.num_features = int(stays.sum())


def _cut_inputs(layer: nn.Module, stays: torch.Tensor, constants: torch.Tensor) -> torch.Tensor:
    """Take inputs away, and return what each output loses if those inputs are `constants`."""
    each = layer.weight.shape[1] // len(stays)  # after Flatten a channel has an input for each place
    weight = layer.weight.detach().unflatten(1, (len(stays), each))
    layer.weight = nn.Parameter(weight[:, stays].flatten(1, 2))
    _set_sizes(layer)
    return weight[:, ~stays].flatten(2).sum(dim=2) @ constants


def _set_sizes(layer: nn.Module) -> None:
    outputs, inputs = layer.weight.shape[:2]
    if isinstance(layer, nn.Linear):
        layer.out_features, layer.in_features = outputs, inputs
    else:
        layer.out_channels, layer.in_channels = outputs, inputs


def _add_constants(layer: nn.Module, bn: _BatchNorm | None, lost: torch.Tensor) -> None:
    if bn is not None:
        bn.running_mean -= lost  # z has become smaller by so much, and so must its mean
    else:
        layer.bias = nn.Parameter(lost if layer.bias is None else layer.bias.detach() + lost)


def hidden_layers(model: nn.Sequential) -> Iterator[Hidden]:
    """The hidden layers of a network in order, as `cut` sees them."""
    children = list(model.named_children())
    layers = [place for place, (_, module) in enumerate(children) if isinstance(module, LAYERS)]
    for here, following in pairwise(layers):
        name, bn = children[here + 1]
        activations = [m for _, m in children[here + 2 : following] if isinstance(m, ACTIVATIONS)]
        after = children[following + 1][1] if following + 1 < len(children) else None
        after = after if isinstance(after, _BatchNorm) else None
        yield Hidden(name, children[here][1], bn, activations, children[following][1], after)


def _check(model: nn.Sequential, keep: ChannelMasks) -> None:
    norms = batch_norms(model)
    if set(keep) != set(norms):
        raise ValueError(f"keep names {sorted(keep)}, expected the BN layers of the network: {sorted(norms)}")
    for name, bn in norms.items():
        mask = keep[name]
        if mask.dtype != torch.bool or mask.shape != (bn.num_features,):
            given = f"{tuple(mask.shape)} {mask.dtype}"
            raise ValueError(
                f"keep[{name!r}] is {given}, expected a bool for each of {bn.num_features} channels"
            )
        if not mask.any():
            raise ValueError(f"keep[{name!r}] leaves no channel: the layers after it would hear nothing")
    _check_form(model, set(norms))


def _check_form(model: nn.Sequential, norms: set[str]) -> None:
    for name, module in model.named_children():
        if not isinstance(module, (*LAYERS, *ACTIVATIONS, *KEEP_CONSTANTS, _BatchNorm)):
            raise TypeError(f"{name} is a {type(module).__name__}, which this cannot cut")
        if getattr(module, "groups", 1) != 1:
            raise TypeError(
                f"{name} has groups={module.groups}, expected 1: its inputs belong to its outputs"
            )
    if {hidden.name for hidden in hidden_layers(model)} != norms:
        raise ValueError(
            "expected BN right after each convolution or linear layer but the last, nowhere else"
        )
