"""Does a module compute what its class is known for? Only then may another layer stand in its place."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

__all__ = ["known_kind", "overridden", "why_computed", "why_not_plain", "why_not_ready"]

DTYPES = torch.float16, torch.bfloat16, torch.float32, torch.float64
COMPUTE_NOTHING = {"__init__", "__repr__", "extra_repr", "reset_parameters", "train"}


def known_kind(module: nn.Module, kinds) -> type | None:
    """The nearest of these classes that the module is an instance of."""
    return next((kind for kind in type(module).__mro__ if kind in kinds), None)


def overridden(module: nn.Module, kind: type) -> list[str]:
    """The methods of `kind` that a subclass, or the object itself, has replaced by its own."""
    ancestors = type(module).__mro__
    own = {*vars(module)}.union(*map(vars, ancestors[: ancestors.index(kind)]))
    return sorted(name for name in own - COMPUTE_NOTHING if callable(getattr(kind, name, None)))


def why_not_ready(name: str, module: nn.Module) -> str:
    """Why the layer `name` has no weights yet; "" if it has."""
    lazy = isinstance(module, LazyModuleMixin)
    return f"{name} is a {type(module).__name__}, expected no lazy layer: run the model once on data" * lazy


def why_computed(name: str, module: nn.Module) -> str:
    """Why the weight or bias of the layer `name` is no parameter that one can set; "" if it is."""
    if _is_plain(module, "weight") and _is_plain(module, "bias"):
        return ""
    return (
        f"{name} computes its weight (by weight_norm, spectral_norm, prune or parametrize), expected a "
        "plain parameter: call remove_weight_norm, prune.remove or remove_parametrizations first"
    )


def why_not_plain(name: str, module: nn.Module, kind: type) -> str:
    """Why the layer `name` may compute something else than a `kind` with its own numbers; "" if it cannot."""
    if reason := why_computed(name, module):
        return reason
    if methods := ", ".join(overridden(module, kind)):
        return (
            f"{name} is a {type(module).__name__} with its own {methods}, expected nn.{kind.__name__}: "
            "what it does differently would be lost"
        )
    if _has_hooks(module):
        return f"{name} has hooks, expected none: they would be lost, or would see other values"
    for key in ("weight", "bias", "running_mean", "running_var"):
        tensor = getattr(module, key, None)
        if tensor is not None and not _holds_numbers(tensor):
            given = f"{tensor.dtype}, {tensor.layout}, on {tensor.device}"
            return f"{name}.{key} is {given}, expected a dense tensor of floating-point numbers"
    return ""


def _is_plain(module: nn.Module, key: str) -> bool:
    registered = module._parameters.get(key)
    return getattr(module, key, None) is registered and type(registered) in (nn.Parameter, type(None))


def _has_hooks(module: nn.Module) -> bool:
    """Hooks of its own, or global ones, which every module has."""
    places = [*vars(module).items(), *vars(nn.modules.module).items()]
    return any(hooks for name, hooks in places if name.endswith("_hooks"))


def _holds_numbers(tensor: torch.Tensor) -> bool:
    return tensor.layout == torch.strided and tensor.device.type != "meta" and tensor.dtype in DTYPES
