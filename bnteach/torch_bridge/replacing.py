"""Put NumPy's batch normalization into a PyTorch network that exists already."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bnteach.torch_bridge.modules import NumpyBatchNorm1d, NumpyBatchNorm2d, NumpyBatchNorm3d
from bnteach.torch_bridge.plain import overridden

__all__ = ["replace_batch_norm"]

REPLACEMENTS = {
    nn.BatchNorm1d: NumpyBatchNorm1d,
    nn.BatchNorm2d: NumpyBatchNorm2d,
    nn.BatchNorm3d: NumpyBatchNorm3d,
}


def replace_batch_norm(model: nn.Module) -> nn.Module:
    """Turn every nn.BatchNorm1d, 2d and 3d of `model` into its NumPy counterpart, in place.

    Each layer stays the same object and only changes its class. So everything it has is kept: weights
    (the very Parameter objects, so that an optimizer made before goes on working), buffers, modes,
    requires_grad, hooks, and its place in every part of the model that shares it. Layers that are NumPy's
    already are left alone. `model` itself may be a BN layer.

    Args:
        model: any network on the CPU.

    Returns:
        The same model.

    Raises:
        TypeError: the model holds a batch normalization that is not one of these three, such as
            SyncBatchNorm, a lazy layer that has not seen data yet, a subclass of yours, or one whose forward
            you have replaced. What it does differently would be lost. Nothing is replaced then.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        >>> type(replace_batch_norm(model)[1]).__name__
        'NumpyBatchNorm2d'
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}, expected an nn.Module")
    layers = {name: module for name, module in model.named_modules() if isinstance(module, _BatchNorm)}
    for name, layer in layers.items():
        if reason := _reason(layer):
            words = (
                f"{name or 'model'} is a {type(layer).__name__}, expected nn.BatchNorm1d, 2d or 3d: {reason}"
            )
            raise TypeError(words)
    for layer in layers.values():
        layer.__class__ = REPLACEMENTS.get(type(layer), type(layer))
    return model


def _reason(layer: _BatchNorm) -> str:
    """Why the layer cannot be replaced, or ""."""
    if isinstance(layer, nn.SyncBatchNorm):
        return "its statistics span several processes, NumPy's do not"
    if isinstance(layer, nn.modules.lazy.LazyModuleMixin):
        return "run the model once on data, then its layers are these"
    if type(layer) not in {*REPLACEMENTS, *REPLACEMENTS.values()}:
        return "what a subclass does differently would be lost"
    methods = ", ".join(overridden(layer, type(layer)))
    return methods and f"it has its own {methods}, which would be lost"
