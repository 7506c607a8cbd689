"""The batch normalization layer: parameters, running statistics and a mode around the functions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bnteach.core import arguments, fast, functional
from bnteach.core.functional import quietly
from bnteach.core.state import Layer


class BatchNorm(Layer):
    """Batch normalization of any layout, with the behavior of `torch.nn.BatchNorm1d`, `2d` and `3d`.

        training:    y = γ·(x − μ)/√(σ² + ε) + β                          with this batch's μ and σ²
        evaluation:  y = γ·(x − running_mean)/√(running_var + ε) + β      with the stored ones

    Each forward pass in training also moves the running statistics:

        running_mean ← (1 − momentum)·running_mean + momentum·μ
        running_var  ← (1 − momentum)·running_var  + momentum·σ²·m/(m − 1)

    What surprises:
        - momentum weighs the new batch, as in PyTorch. In Keras it weighs the old average.
        - σ² is divided by m when it normalizes, but the stored running_var is divided by m − 1. So
          training and evaluation differ even with momentum = 1.
        - momentum=None is the plain average of all batches so far: 1 / num_batches_tracked is the weight.
        - momentum=0 is not evaluation: the batch's statistics still normalize.
        - With track_running_stats=False evaluation uses the statistics of the batch too.

    Args:
        num_features: C, the number of channels.
        eps: ε, added to the variance inside the root. Above 0 in training; 0 is allowed in evaluation.
        momentum: the weight of the new batch in the running statistics, any real number, or None.
        affine: False leaves out γ and β.
        track_running_stats: False leaves out the running statistics.
        channel_axis: the axis of x that counts the channels; 1 for NCHW, -1 for NHWC.
        dtype: of the parameters and the running statistics: float16, float32 or float64.

    Attributes:
        gamma, beta: γ and β, shape (C,), or None. They start at 1 and 0.
        dgamma, dbeta: their gradients from the last backward pass, or None.
        running_mean, running_var: shape (C,), or None. They start at 0 and 1. A forward pass replaces
            these arrays and does not write into the old ones.
        num_batches_tracked: how many forward passes in training there have been, int64, or None.
        training: the mode; True at first.

    Raises:
        TypeError, ValueError: an argument is of the wrong type or out of range.

    >>> bn = BatchNorm(2, momentum=0.5, dtype=np.float64)
    >>> x = np.array([[1.0, 10.0], [2.0, 30.0], [6.0, 20.0]])
    >>> print(bn(x).round(2))
    [[-0.93 -1.22]
     [-0.46  1.22]
     [ 1.39  0.  ]]
    >>> print(bn.running_mean, bn.running_var)
    [ 1.5 10. ] [ 4.  50.5]
    >>> print(bn.eval()(x[:1]).round(2))
    [[-0.25  0.  ]]

    Source: Ioffe & Szegedy 2015, Algorithms 1 and 2; the running averages are PyTorch's.
    """

    STATE: ClassVar = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "running_mean",
        "running_var": "running_var",
        "num_batches_tracked": "num_batches_tracked",
    }
    MAY_BE_MISSING = ("num_batches_tracked",)  # state saved by PyTorch before 0.4.1 does not have it

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        channel_axis: int = 1,
        dtype=np.float32,
    ):
        super().__init__()
        self.num_features = arguments.positive_integer("num_features", num_features)
        self.eps = arguments.non_negative_eps(eps)
        self.momentum = None if momentum is None else arguments.real_number("momentum", momentum)
        self.affine = bool(affine)
        self.track_running_stats = bool(track_running_stats)
        self.channel_axis = arguments.integer("channel_axis", channel_axis)
        self.dtype = arguments.float_dtype("dtype", dtype)
        self.gamma = np.ones(num_features, self.dtype) if affine else None
        self.beta = np.zeros(num_features, self.dtype) if affine else None
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if self.track_running_stats:
            self.reset_running_stats()

    def reset_running_stats(self) -> None:
        """Forget all batches: mean 0, variance 1, count 0. A layer that does not track stays as it is."""
        if self.track_running_stats:
            self.running_mean = np.zeros(self.num_features, self.dtype)
            self.running_var = np.ones(self.num_features, self.dtype)
            self.num_batches_tracked = np.int64(0)

    def forward(self, x: np.ndarray, training: bool | None = None) -> np.ndarray:
        """y for x, in the layer's mode, or in the mode that `training` names for this one call.

        What surprises: leave x unchanged until the backward pass. From 2¹⁴ values on the layer keeps no copy.

        Raises:
            TypeError: x is not float16, float32 or float64.
            ValueError: the channels of x are not num_features; in training, or without running
                statistics, also a channel with a single value and eps ≤ 0.
                After an error the layer is as it was, and backward still belongs to the pass before.
        """
        training = self.training if training is None else bool(training)
        x = self._accepted(x)
        page = fast if x.size >= fast.MANY else functional
        if training or not self.track_running_stats:
            y, cache = page.batch_norm_forward(x, self.gamma, self.beta, self.eps, self.channel_axis)
            if training and self.track_running_stats:
                self._track(cache)
        else:
            statistics = self.running_mean, self.running_var
            y, cache = page.batch_norm_inference_with_cache(
                x, self.gamma, self.beta, *statistics, self.eps, self.channel_axis
            )
        self._cache = cache
        return y

    def backward(self, dy: np.ndarray):
        """dx, dgamma, dbeta of the last forward pass, in the mode which that pass had.

        In evaluation the statistics are constants, so dx = dy·γ/√(running_var + ε). dgamma and dbeta
        are also kept as attributes; they replace the old ones, they are not added. Both are None
        when affine=False.

        Raises:
            RuntimeError: there was no forward pass.
            TypeError, ValueError: dy has the wrong dtype or not the shape of the last y.
        """
        dx, dgamma, dbeta = fast.batch_norm_backward(dy, self._last_cache())  # or by the plain page
        if self.affine:
            self.dgamma, self.dbeta = dgamma, dbeta
        return dx, self.dgamma, self.dbeta

    @quietly
    def _track(self, cache: functional.Cache) -> None:
        """One step of the running statistics. An empty batch is counted, but has nothing to add."""
        running_mean, running_var = (
            arguments.per_channel(name, getattr(self, name), cache.layout.shape, cache.layout.axis)
            for name in ("running_mean", "running_var")
        )
        self.num_batches_tracked = self.num_batches_tracked + np.int64(1)
        m = cache.count
        if m == 0:
            return
        momentum = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        unbiased_var = cache.var * (m / (m - 1))
        mean = (1 - momentum) * running_mean + momentum * cache.mean
        var = (1 - momentum) * running_var + momentum * unbiased_var
        self.running_mean, self.running_var = mean.astype(self.dtype), var.astype(self.dtype)

    def _accepted(self, x):
        x = arguments.batch("x", x)
        axis = arguments.axis_of(x, self.channel_axis)
        if x.shape[axis] != self.num_features:
            raise ValueError(
                f"x has shape {x.shape}: {x.shape[axis]} channels on axis {axis}, "
                f"expected num_features={self.num_features}"
            )
        return x

    def __repr__(self) -> str:
        return (
            f"BatchNorm({self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}, channel_axis={self.channel_axis})"
        )
