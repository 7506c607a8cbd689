"""Batch normalization by NumPy as PyTorch modules: forward and backward run bnteach's own code."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from bnteach.core.layers import BatchNorm

__all__ = ["NumpyBatchNorm1d", "NumpyBatchNorm2d", "NumpyBatchNorm3d"]

TRACED = (
    "NumPy computes with dense numbers alone. Where PyTorch looks through a network (torch.export, "
    "torch.jit, torch.fx, torch.func), keep PyTorch's own nn.BatchNorm"
)


class _RunNumpy(torch.autograd.Function):
    """One pass through a `bnteach.BatchNorm`, forward and backward, as a node of PyTorch's graph."""

    @staticmethod
    def forward(ctx, x, weight, bias, layer, layout, keep_statistics):
        ctx.layer, ctx.layout = layer, layout
        y = layout.tensor(layer.forward(layout.array(x)))
        # Before anything is saved: checkpointing ends a repeated pass where the last tensor is saved.
        keep_statistics(layer)
        # The NumPy layer remembers what it needs. PyTorch is told as well, because it then notices when
        # x or γ is changed before the backward pass, and refuses instead of returning wrong gradients.
        ctx.save_for_backward(x, weight)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, dy):
        _ = ctx.saved_tensors  # this is where PyTorch refuses
        _check_that_numpy_can_read("dy", dy)
        dx, dgamma, dbeta = ctx.layer.backward(ctx.layout.array(dy))
        needs_x, needs_weight, needs_bias, *_ = ctx.needs_input_grad
        return (
            ctx.layout.tensor(dx) if needs_x else None,
            torch.from_numpy(dgamma) if needs_weight else None,
            torch.from_numpy(dbeta) if needs_bias else None,
            *[None] * 3,
        )

    @staticmethod
    def jvp(ctx, *tangents):
        raise TypeError(f"x is a dual tensor, expected one without a tangent: {TRACED}")


class _Layout:
    """Tensors as arrays and back. Channels stay last where the tensor has them last in memory."""

    def __init__(self, x: torch.Tensor):
        channels_last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.ndim)
        self.channels_are_last = (
            channels_last is not None
            and x.is_contiguous(memory_format=channels_last)
            and not x.is_contiguous()
        )
        self.channel_axis = -1 if self.channels_are_last else 1

    def array(self, tensor: torch.Tensor) -> np.ndarray:
        return (tensor.movedim(1, -1) if self.channels_are_last else tensor).numpy(force=True)

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        return tensor.movedim(-1, 1) if self.channels_are_last else tensor


class _NumpyForward:
    """What the three modules have of their own: the forward pass. The rest is PyTorch's nn.BatchNorm."""

    @torch.compiler.disable  # the graph ends here, and goes on behind the layer
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name, tensor in {"x": x, **self._state()}.items():
            _check_that_numpy_can_read(name, tensor)
        self._check_input_dim(x)
        layout = _Layout(x)
        layer = self._numpy_layer(layout.channel_axis)
        return _RunNumpy.apply(x, self.weight, self.bias, layer, layout, self._keep_statistics)

    def __prepare_scriptable__(self):
        raise TypeError(f"a {type(self).__name__} cannot be scripted: {TRACED}")

    def _state(self) -> dict[str, torch.Tensor]:
        names = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def _numpy_layer(self, channel_axis: int) -> BatchNorm:
        """A NumPy layer with this module's settings, state and mode, for one pass."""
        arrays = {name: tensor.numpy(force=True) for name, tensor in self._state().items()}
        dtype = arrays.get("weight", arrays.get("running_mean", np.empty(0, np.float32))).dtype
        affine = self.weight is not None
        if affine and self.bias is None:  # nn.BatchNorm2d(..., bias=False) in newer versions of PyTorch
            arrays["bias"] = np.zeros_like(arrays["weight"])
        # PyTorch: without buffers every pass takes the batch's statistics. With buffers, setting
        # track_running_stats to False afterward stops their update, and evaluation still reads them.
        tracks = self.running_mean is not None and (self.track_running_stats or not self.training)
        if not tracks:
            arrays = {name: array for name, array in arrays.items() if name in ("weight", "bias")}
        layer = BatchNorm(
            self.num_features, self.eps, self.momentum, affine, tracks, channel_axis=channel_axis, dtype=dtype
        )
        layer.load_state_dict(arrays)
        return layer.train() if self.training else layer.eval()

    def _keep_statistics(self, layer: BatchNorm) -> None:
        if not (self.training and layer.track_running_stats):
            return
        self.running_mean.copy_(torch.from_numpy(layer.running_mean))
        self.running_var.copy_(torch.from_numpy(layer.running_var))
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.fill_(int(layer.num_batches_tracked))


def _check_that_numpy_can_read(name: str, tensor: torch.Tensor) -> None:
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"{name} is a {type(tensor).__name__}, expected a torch.Tensor: {TRACED}")
    if tensor.device.type != "cpu":
        raise ValueError(
            f"{name} is on device {tensor.device}, expected cpu: NumPy computes in main memory. "
            "Move the model and its input with .cpu(), or keep PyTorch's own nn.BatchNorm there."
        )
    if tensor.dtype not in (torch.float16, torch.float32, torch.float64, torch.int64):
        raise TypeError(
            f"{name} has dtype {tensor.dtype}, expected float16, float32 or float64: "
            "convert it with .float(), outside of torch.autocast"
        )
    try:
        tensor.numpy(force=True)
    except (RuntimeError, TypeError) as error:
        raise TypeError(f"{name} is not a dense tensor of numbers: {TRACED}") from error


class NumpyBatchNorm1d(_NumpyForward, nn.BatchNorm1d):
    """`nn.BatchNorm1d` computed by bnteach in NumPy, forward and backward. For (N, C) and (N, C, L).

    It is a subclass: arguments, state, names, checks of the input, `state_dict`, `copy.deepcopy`, pickle,
    `.double()`, `.train()` and `.eval()` are PyTorch's own. State goes from one to the other, both ways.

    What surprises: an input that is refused is not counted in `num_batches_tracked` (PyTorch counts it).
    NumPy does the work, and PyTorch cannot look into it. So torch.compile ends its graph before the layer and
    begins another behind it; gradients of gradients, torch.func, torch.export, torch.fx, torch.jit.script and
    autocast to bfloat16 are refused.

    Args:
        num_features, eps, momentum, affine, track_running_stats, ...: as in `nn.BatchNorm1d`.

    Shape:
        x and y: (N, C) or (N, C, L); float16, float32 or float64, on the CPU.

    Raises:
        ValueError: a tensor lies on another device than the CPU; else where `nn.BatchNorm1d` raises it.
        TypeError: a dtype that NumPy does not have, such as bfloat16, or x is not a dense tensor.
        RuntimeError: in backward, if x or the weight was changed in place since the forward pass.

    Example:
        >>> x = torch.tensor([[1.0, 10.0], [2.0, 30.0], [6.0, 20.0]])
        >>> torch.allclose(NumpyBatchNorm1d(2)(x), nn.BatchNorm1d(2)(x), atol=1e-6)
        True

    Source: Ioffe & Szegedy 2015, algorithms 1 and 2.
    """


class NumpyBatchNorm2d(_NumpyForward, nn.BatchNorm2d):
    """`nn.BatchNorm2d` computed by bnteach in NumPy. For (N, C, H, W); otherwise as `NumpyBatchNorm1d`.

    A tensor in PyTorch's channels-last memory format gives y and dx in the same format.

    Example:
        >>> NumpyBatchNorm2d(3)(torch.randn(2, 3, 5, 7)).shape
        torch.Size([2, 3, 5, 7])
    """


class NumpyBatchNorm3d(_NumpyForward, nn.BatchNorm3d):
    """`nn.BatchNorm3d` computed by bnteach in NumPy. For (N, C, D, H, W); otherwise as `NumpyBatchNorm2d`.

    Example:
        >>> NumpyBatchNorm3d(3)(torch.randn(2, 3, 4, 5, 7)).shape
        torch.Size([2, 3, 4, 5, 7])
    """
