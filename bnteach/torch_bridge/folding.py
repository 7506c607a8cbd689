"""Fold batch normalization into the layer before it: after training, two layers become one."""

from __future__ import annotations

import copy
from collections import OrderedDict

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bnteach.core.functional import batch_norm_inference

__all__ = ["fold", "fold_batch_norm"]

FOLDABLE = nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d


def fold(layer: nn.Module, bn: _BatchNorm) -> nn.Module:
    """One layer that does what `layer` and then `bn` do in evaluation.

        weight ← a · weight        bias ← a · (bias − running_mean) + β        a = γ/√(running_var + ε)

    These are the inference formula of BN, applied to the parameters in place of the outputs: to the bias as
    it stands, to the weights with mean and β zero, since whatever is added goes to the bias alone.

    What surprises: BN must come right after the layer; one that comes *before* a convolution with padding
    cannot be folded, because its shift does not reach the zeros around the picture. And the new layer is
    right for evaluation only, so `bn` must be in evaluation mode.

    Args:
        layer: nn.Linear, or nn.Conv1d, 2d or 3d with any stride, padding, dilation and groups. It is not
            changed.
        bn: the BN layer after it, with one channel for each output of `layer`, in evaluation mode.

    Returns:
        A layer of the class of `layer`, with a bias.

    Raises:
        TypeError: layer is another kind of layer, or bn is no BN layer.
        ValueError: bn is in training mode, or keeps no running statistics; or the channels do not fit.

    Example:
        >>> conv, bn = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3).eval()
        >>> x = torch.randn(4, 2, 8, 8)
        >>> torch.allclose(fold(conv, bn)(x), bn(conv(x)), atol=1e-5)
        True

    Source: the formula is Ioffe & Szegedy 2015, Algorithm 2, steps 10 and 11.
    """
    _check(layer, bn)
    mean, var = _array(bn.running_mean), _array(bn.running_var)
    zero = np.zeros_like(mean)
    gamma, beta = (
        default if p is None else _array(p) for p, default in ((bn.weight, zero + 1), (bn.bias, zero))
    )
    bias = zero if layer.bias is None else _array(layer.bias)
    weight = batch_norm_inference(_array(layer.weight), gamma, zero, zero, var, bn.eps, channel_axis=0)
    bias = batch_norm_inference(bias[None], gamma, beta, mean, var, bn.eps)[0]
    folded = copy.deepcopy(layer)
    folded.weight = nn.Parameter(torch.from_numpy(weight))
    folded.bias = nn.Parameter(torch.from_numpy(bias))
    return folded


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """A copy of a network in which every BN right after a linear layer or a convolution is folded into it.

    Looks into every nn.Sequential, at any depth: there it is sure that one layer follows the other. All other
    modules keep their names. BN layers that cannot be folded (the first layer, after an activation, before a
    convolution) stay.

    Args:
        model: a network in evaluation mode. It is not changed.

    Raises:
        ValueError: a BN layer that would be folded is in training mode, or as in `fold`.

    Example:
        >>> from bnteach.training import mlp
        >>> [name for name, _ in fold_batch_norm(mlp([64, 20, 10]).eval()).named_children()]
        ['linear_1', 'activation_1', 'output']
    """
    if isinstance(model, nn.Sequential):
        return _fold_sequential(model)
    model = copy.deepcopy(model)
    for name, child in model.named_children():
        setattr(model, name, fold_batch_norm(child))
    return model


def _fold_sequential(model: nn.Sequential) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    before = None  # the name of the layer that the next BN could be folded into
    for name, module in model._modules.items():  # named_children would leave out a layer that comes twice
        if isinstance(module, _BatchNorm) and before is not None:
            layers[before], before = fold(layers[before], module), None
            continue
        layers[name] = fold_batch_norm(module)
        before = name if isinstance(module, FOLDABLE) else None
    folded = nn.Sequential(layers)
    folded.training = model.training
    return folded


def _check(layer: nn.Module, bn: nn.Module) -> None:
    if not isinstance(layer, FOLDABLE):
        kinds = ", ".join(f"nn.{kind.__name__}" for kind in FOLDABLE)
        raise TypeError(f"layer is a {type(layer).__name__}, expected one of {kinds}")
    if not isinstance(bn, _BatchNorm):
        raise TypeError(f"bn is a {type(bn).__name__}, expected a batch normalization")
    if bn.running_mean is None:
        raise ValueError("bn keeps no running statistics: what it does depends on the batch, always")
    if bn.training:
        raise ValueError("bn is in training mode, expected evaluation mode: call eval() on the network first")
    outputs = len(layer.weight)
    if bn.num_features != outputs:
        raise ValueError(
            f"bn has {bn.num_features} channels, expected {outputs}: one for each output of layer"
        )


def _array(values: torch.Tensor) -> np.ndarray:
    return values.detach().numpy()
