"""Batch normalization, forward and backward. This is the page to read.

One idea carries the whole family of normalizations:

    standardize over a set of values, then scale and shift.

`standardize` and `standardize_backward` are that idea; their `axes` say which values form a set. For batch
normalization x is laid out as (before, C, after): the axes before the channels as one, the channels, the axes
after them as one. There a set is one channel: axes 0 and 2. In norms.py a set is a row: axis 1.

The letters are those of Ioffe & Szegedy (2015), "Batch Normalization", arXiv:1502.03167, Algorithm 1:

    μ = Σx / m     σ² = Σ(x − μ)² / m     x̂ = (x − μ) / √(σ² + ε)     y = γ·x̂ + β

where m counts all the values of one channel: N for (N, C), N·H·W for (N, C, H, W).

Everything is computed in float64, whatever the dtype of x, so that each line can be the formula and nothing
else. fast.py gives the same results sooner, without leaving the precision of x.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bnteach.core import arguments

ALL_BUT_CHANNELS = (0, 2)  # of (before, C, after)

# NaN and infinity pass through as they do in PyTorch: visible in the result, without a warning.
quietly = np.errstate(over="ignore", invalid="ignore", divide="ignore")


def mean_over(values, axes):
    """The mean along these axes, which stay with length 1; 0 for an empty batch, which PyTorch allows too."""
    m = math.prod(values.shape[axis] for axis in axes)
    return values.sum(axis=axes, keepdims=True) / max(1, m)


def standardize(x, axes, eps, has_mean=True):
    """x̂ = (x − μ)/√(σ² + ε), each set of values with its own μ and σ². Returns x̂, 1/√(σ² + ε), μ, σ².

    With has_mean=False, for RMSNorm, μ is 0, and σ² is the mean square.
    """
    mean = mean_over(x, axes) if has_mean else 0.0
    centered = x - mean
    if has_mean:
        # The mean was rounded, so equal values are not 0 now, but all the same few units of the last digit; a
        # small ε would make them large. So few digits add up without rounding: less their mean, they are 0.
        centered -= mean_over(centered, axes)
    var = mean_over(centered**2, axes)
    inv_std = 1 / np.sqrt(var + eps)
    return centered * inv_std, inv_std, mean, var


def standardize_backward(dx_hat, x_hat, inv_std, axes, has_mean=True):
    """dx = 1/√(σ² + ε) · (dx̂ − Σdx̂/m − x̂·Σ(dx̂·x̂)/m).

    The two terms subtracted from dx̂ are the paths through μ and through σ²: each x moves both. steps.py goes
    the same way in single steps; multiplied out, they give this line.
    """
    through_mean = mean_over(dx_hat, axes) if has_mean else 0.0
    through_var = x_hat * mean_over(dx_hat * x_hat, axes)
    return inv_std * (dx_hat - through_mean - through_var)


@dataclass(eq=False)  # `==` between arrays would have no single answer
class Cache:
    """What the forward pass keeps: for the backward pass, and the statistics for the layer's running ones."""

    x_hat: np.ndarray  # (before, C, after), float64 as all of these
    inv_std: np.ndarray  # 1/√(σ² + ε), (C,)
    mean: np.ndarray  # μ, (C,)
    var: np.ndarray  # σ², divided by m, (C,); in evaluation this and the mean are the stored ones
    gamma: np.ndarray  # (C,)
    layout: arguments.Layout  # of x as the caller gave it
    constant_statistics: bool = False  # True: μ and σ² do not depend on x (evaluation)

    def __post_init__(self):
        for name in ("inv_std", "mean", "var", "gamma"):
            setattr(self, name, getattr(self, name).ravel())

    @property
    def count(self) -> int:
        """m: how many values a channel has."""
        before, _, after = self.layout.three_axes
        return before * after


# The public functions: any layout in, the same layout out.


@quietly
def batch_norm_forward(x, gamma, beta, eps=1e-5, channel_axis=1):
    """Normalize each channel of x with the mean and variance of this batch, then scale and shift.

        μ = Σx / m     σ² = Σ(x − μ)² / m     x̂ = (x − μ) / √(σ² + ε)     y = γ·x̂ + β

    The sums run over all axes but `channel_axis`; m is how many values that is.

    What surprises: σ² is divided by m, not by m − 1 (`BatchNorm` keeps the other one for evaluation).
    ε stands inside the root. Each y depends on the whole batch.

    Args:
        x: the batch, at least 2 axes, e.g. (N, C), (N, C, L), (N, C, H, W), (N, H, W, C).
            float16, float32 or float64. Never modified.
        gamma: γ, the scale, shape (C,). None stands for 1.
        beta: β, the shift, shape (C,). None stands for 0.
        eps: ε, above 0 (a channel may be constant), in the units of the variance.
        channel_axis: the axis of x that counts the channels; negative numbers count from the end.

    Returns:
        y, an array with the shape and dtype of x, and a cache for `batch_norm_backward`.
        The cache keeps x̂, a copy in float64: x may be changed before the backward pass.

    Raises:
        TypeError: x, gamma or beta is not float16, float32 or float64.
        ValueError: a shape does not fit, eps ≤ 0, or a channel has only one value.

    >>> x = np.array([[1.0, 10.0], [2.0, 30.0], [6.0, 20.0]])
    >>> y, cache = batch_norm_forward(x, gamma=np.array([1.0, 2.0]), beta=np.array([0.0, 5.0]))
    >>> print(y.round(2))
    [[-0.93  2.55]
     [-0.46  7.45]
     [ 1.39  5.  ]]

    Source: Ioffe & Szegedy 2015, Algorithm 1.
    """
    # x comes as (before, C, after), γ and β as (C, 1) in float64, so that they meet it.
    x, gamma, beta, layout = arguments.of_batch_norm(x, gamma, beta, channel_axis)
    eps = arguments.positive_eps(eps)
    arguments.refuse_single_values(x, layout)
    x_hat, inv_std, mean, var = standardize(x.astype(np.float64), ALL_BUT_CHANNELS, eps)
    y = gamma * x_hat + beta
    return layout.restore(y), Cache(x_hat, inv_std, mean, var, gamma, layout)


@quietly
def batch_norm_backward(dy, cache):
    """The gradients of a loss with respect to x, γ and β, from its gradient with respect to y.

        dβ = Σ dy     dγ = Σ dy·x̂     dx = γ/√(σ² + ε) · (dy − dβ/m − x̂·dγ/m)

    What surprises: in training Σdx = 0 and Σdx·x̂ ≈ 0 for each channel, whatever dy is. Adding a constant to a
    channel, or scaling it, does not change y, so no gradient can point there. An all-ones dy gives dx = 0.

    Args:
        dy: ∂loss/∂y, the shape of x; float16, float32 or float64. Never modified.
        cache: from `batch_norm_forward`. It may be used again, with the same result. The cache of
            a pass in evaluation is accepted too; there dx = γ/√(σ² + ε) · dy.

    Returns:
        dx (shape and dtype of x), dgamma and dbeta (shape (C,), dtype of gamma).

    Raises:
        TypeError: dy is not float16, float32 or float64, or cache is not a cache.
        ValueError: dy does not have the shape of x.

    >>> x = np.array([[1.0], [2.0], [6.0]])
    >>> y, cache = batch_norm_forward(x, gamma=np.array([3.0]), beta=np.array([0.5]))
    >>> dx, dgamma, dbeta = batch_norm_backward(np.array([[1.0], [0.0], [0.0]]), cache)
    >>> print(dx.ravel().round(3), dgamma.round(3), dbeta)
    [ 0.529 -0.661  0.132] [-0.926] [1.]

    Source: Ioffe & Szegedy 2015, section 3, the six chain-rule equations, multiplied out.
    """
    arguments.of_type(Cache, "cache", cache, "the cache that batch_norm_forward returned")
    x_hat, layout = cache.x_hat, cache.layout
    inv_std, gamma = cache.inv_std[:, np.newaxis], cache.gamma[:, np.newaxis]
    dy = arguments.upstream("dy", dy, layout.shape).astype(np.float64).reshape(x_hat.shape)
    dbeta = dy.sum(axis=ALL_BUT_CHANNELS)
    dgamma = (dy * x_hat).sum(axis=ALL_BUT_CHANNELS)
    dx_hat = gamma * dy  # γ is one number a channel: so the mean of dx̂ is γ·dβ/m, that of dx̂·x̂ is γ·dγ/m
    if cache.constant_statistics:  # no path leads through μ or σ²
        dx = inv_std * dx_hat
    else:
        dx = standardize_backward(dx_hat, x_hat, inv_std, ALL_BUT_CHANNELS)
    return layout.restore(dx), layout.like_gamma(dgamma), layout.like_gamma(dbeta)


def batch_norm_inference(x, gamma, beta, running_mean, running_var, eps=1e-5, channel_axis=1):
    """Normalize each channel of x with stored statistics, then scale and shift.

        y = γ·(x − running_mean)/√(running_var + ε) + β

    What surprises: nothing here looks at the batch. Each channel is multiplied by one fixed number and
    moved by another, so a sample gives the same y in any company.

    Args:
        x, gamma, beta, channel_axis: as in `batch_norm_forward`; one value a channel is welcome here.
        running_mean, running_var: shape (C,), in the units of x and of x².
        eps: ε, 0 or more.

    Returns:
        y, with the shape and dtype of x.

    Raises:
        TypeError: an array is not float16, float32 or float64.
        ValueError: a shape does not fit, or eps < 0.

    >>> x = np.array([[1.0, 10.0]])
    >>> one, zero = np.ones(2), np.zeros(2)
    >>> mean, var = np.array([3.0, 20.0]), np.array([4.0, 25.0])
    >>> y = batch_norm_inference(x, one, zero, running_mean=mean, running_var=var)
    >>> print(y.round(3))
    [[-1. -2.]]

    Source: Ioffe & Szegedy 2015, Algorithm 2, step 11.
    """
    return batch_norm_inference_with_cache(x, gamma, beta, running_mean, running_var, eps, channel_axis)[0]


@quietly
def batch_norm_inference_with_cache(x, gamma, beta, running_mean, running_var, eps=1e-5, channel_axis=1):
    """`batch_norm_inference`, and a cache: a network can be differentiated in evaluation too."""
    x, gamma, beta, layout = arguments.of_batch_norm(x, gamma, beta, channel_axis)
    mean = layout.per_channel("running_mean", running_mean)
    var = layout.per_channel("running_var", running_var)
    inv_std = 1 / np.sqrt(var + arguments.non_negative_eps(eps))
    x_hat = (x.astype(np.float64) - mean) * inv_std
    y = gamma * x_hat + beta
    return layout.restore(y), Cache(x_hat, inv_std, mean, var, gamma, layout, constant_statistics=True)
