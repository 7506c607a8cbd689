"""Fold batch normalization into the layer before it: after training, two layers become one."""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from bnteach.core.functional import batch_norm_inference
from bnteach.torch_bridge.modules import NumpyBatchNorm1d, NumpyBatchNorm2d, NumpyBatchNorm3d
from bnteach.torch_bridge.plain import known_kind, overridden, why_not_plain, why_not_ready

__all__ = ["fold", "fold_batch_norm"]

BEHIND = {
    nn.Linear: (nn.BatchNorm1d, NumpyBatchNorm1d, nn.SyncBatchNorm),
    nn.Conv1d: (nn.BatchNorm1d, NumpyBatchNorm1d, nn.SyncBatchNorm),
    nn.Conv2d: (nn.BatchNorm2d, NumpyBatchNorm2d, nn.SyncBatchNorm),
    nn.Conv3d: (nn.BatchNorm3d, NumpyBatchNorm3d, nn.SyncBatchNorm),
}


def fold(layer: nn.Module, bn: nn.Module) -> nn.Module:
    """One layer that does what `layer` and then `bn` do in evaluation.

        weight ← a · weight        bias ← a · (bias − running_mean) + β        a = γ/√(running_var + ε)

    These are the inference formula of BN, applied to the parameters in place of the outputs: to the bias as
    it stands, to the weights with mean and β zero, since whatever is added goes to the bias alone.

    What surprises:

    * BN must come right after the layer. One that comes *before* a convolution with padding cannot be
      folded, because its shift does not reach the zeros around the picture.
    * The new layer is right for evaluation only, so `bn` must be in evaluation mode.
    * The channels of BN must be the outputs of the layer. With (N, L, C) they are not: nn.Linear(…, C) gives
      the last axis, nn.BatchNorm1d(L) counts axis 1. If L = C, the layers do not show it: do not fold these.

    Args:
        layer: nn.Linear, or nn.Conv1d, 2d or 3d with any stride, padding, dilation and groups; float16,
            bfloat16, float32 or float64. It is not changed.
        bn: the BN layer after it, with one channel for each output of `layer`, in evaluation mode.

    Returns:
        A copy of `layer`, with a bias; dtype, device and requires_grad are those of `layer`. It is computed
        in float64 and rounded once.

    Raises:
        TypeError: layer or bn is of another kind, or may compute something else than its class: a subclass
            with a forward of its own, hooks, a weight made by weight_norm, prune or parametrize.
        ValueError: bn is in training mode, or keeps no running statistics; the channels do not fit; or a
            result is too large for the dtype of `layer`.

    Example:
        >>> conv, bn = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3).eval()
        >>> x = torch.randn(4, 2, 8, 8)
        >>> torch.allclose(fold(conv, bn)(x), bn(conv(x)), atol=1e-5)
        True

    Source: the formula is Ioffe & Szegedy 2015, Algorithm 2, steps 10 and 11.
    """
    if refusal := _refusal(layer, bn):
        raise refusal
    if bn.training:
        raise ValueError("bn is in training mode, expected evaluation mode: call eval() on the network first")
    folded = _copy(layer)
    _set_parameters(folded, *_folded_parameters(layer, bn))
    return folded


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """A copy of a network in which every BN right after a linear layer or a convolution is folded into it.

    Looks into every nn.Sequential, at any depth: there it is sure that one layer follows the other. BN layers
    that cannot be folded (the first layer, after an activation, before a convolution) stay, and so does
    what is not exactly understood; `fold` says why.

    What surprises: an nn.Identity takes the place of BN, so that all layers keep their names and positions,
    and slices of a network still work. But layer `conv` of the copy gives what `bn` gave before.

    Args:
        model: a network in evaluation mode. It is not changed.

    Returns:
        The copy. Attributes, buffers, hooks and modes are kept, and what was shared still is.

    Raises:
        TypeError: model is no nn.Module, cannot be copied, or has a lazy layer that has not seen data yet.
        ValueError: a BN layer that would be folded is in training mode; or a result is too large.

    Example:
        >>> from bnteach.training import mlp
        >>> for name, layer in fold_batch_norm(mlp([64, 20, 10]).eval()).named_children():
        ...     print(name, "=", type(layer).__name__)
        linear_1 = Linear
        bn_1 = Identity
        activation_1 = Sigmoid
        output = Linear
    """
    _check_model(model)
    model = _copy(model)
    folded: dict[tuple[nn.Module, nn.Module], nn.Module] = {}  # a pair that comes twice is folded once
    for module in list(model.modules()):
        if isinstance(module, nn.Sequential) and not overridden(module, nn.Sequential):
            _fold_inside(module, folded)
    return model


def _fold_inside(sequential: nn.Sequential, folded: dict[tuple[nn.Module, nn.Module], nn.Module]) -> None:
    # named_children would leave out a layer that comes twice.
    for (name, layer), (bn_name, bn) in pairwise(list(sequential._modules.items())):
        if _refusal(layer, bn):
            continue
        if (layer, bn) not in folded:
            folded[layer, bn] = fold(layer, bn)
        setattr(sequential, name, folded[layer, bn])
        setattr(sequential, bn_name, nn.Identity().eval())


def _refusal(layer: nn.Module, bn: nn.Module) -> Exception | None:
    """Why these two cannot be folded, in any mode."""
    if reason := why_not_ready("layer", layer) or why_not_ready("bn", bn):
        return TypeError(reason)
    kind = known_kind(layer, BEHIND)
    if kind is None:
        kinds = ", ".join(f"nn.{kind.__name__}" for kind in BEHIND)
        return TypeError(f"layer is a {type(layer).__name__}, expected one of {kinds}")
    bn_kind = known_kind(bn, BEHIND[kind])
    if bn_kind is None:
        expected = f"nn.{BEHIND[kind][0].__name__}, as it comes after nn.{kind.__name__}"
        return TypeError(f"bn is a {type(bn).__name__}, expected {expected}")
    if reason := why_not_plain("layer", layer, kind) or why_not_plain("bn", bn, bn_kind):
        return TypeError(reason)
    if bn.running_mean is None or bn.running_var is None:
        return ValueError("bn keeps no running statistics: what it does depends on the batch, always")
    outputs = len(layer.weight)
    if bn.num_features != outputs:
        words = f"bn has {bn.num_features} channels, expected {outputs}: one for each output of layer"
        return ValueError(words)
    return None


def _check_model(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}, expected an nn.Module")
    for name, module in model.named_modules():
        if reason := why_not_ready(name or "model", module):
            raise TypeError(reason)


def _copy(module: nn.Module) -> nn.Module:
    """A deep copy. Tensors that autograd computed, which deepcopy refuses, come as their values."""
    held = [value for part in module.modules() for value in (vars(part) | part._buffers).values()]
    computed = [value for value in held if isinstance(value, torch.Tensor) and not value.is_leaf]
    try:
        return copy.deepcopy(module, {id(tensor): tensor.detach().clone() for tensor in computed})
    except (RuntimeError, TypeError) as error:
        raise TypeError(f"{type(module).__name__} cannot be copied by copy.deepcopy: {error}") from error


def _folded_parameters(layer: nn.Module, bn: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    mean, var, eps = _array(bn.running_mean), _array(bn.running_var), float(bn.eps)
    zero = np.zeros_like(mean)
    gamma = zero + 1 if bn.weight is None else _array(bn.weight)
    beta, bias = (zero if tensor is None else _array(tensor) for tensor in (bn.bias, layer.bias))
    weight = batch_norm_inference(_array(layer.weight), gamma, zero, zero, var, eps, channel_axis=0)
    return weight, batch_norm_inference(bias[None], gamma, beta, mean, var, eps)[0]


@torch.no_grad()
def _set_parameters(layer: nn.Module, weight: np.ndarray, bias: np.ndarray) -> None:
    dtype = layer.weight.dtype
    for name, array in {"weight": weight, "bias": bias}.items():
        if np.any(np.isfinite(array) & (np.abs(array) > torch.finfo(dtype).max)):
            raise ValueError(
                f"the folded {name} is too large for {dtype}: fold before you convert to {dtype}"
            )
    like = layer.weight if layer.bias is None else layer.bias
    layer.weight.copy_(torch.from_numpy(weight))
    layer.bias = nn.Parameter(torch.from_numpy(bias).to(layer.weight), like.requires_grad)


def _array(values: torch.Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()
