"""Batch normalization, forward and backward. This is the page to read.

One idea carries the whole family of normalizations:

    standardize over a set of values, then scale and shift.

`standardize` and `standardize_backward` are that idea. Their input is a 3-D array ``(before, C, after)``;
each of the C middle indices gets a mean and a variance of its own. `batch_norm_forward` puts the channels
in the middle. The layers of norms.py put other things there, and call the same pair.

The letters are those of Ioffe & Szegedy (2015), "Batch Normalization", arXiv:1502.03167, Algorithm 1:

    μ = Σx / m     σ² = Σ(x − μ)² / m     x̂ = (x − μ) / √(σ² + ε)     y = γ·x̂ + β

where m counts all the values of one channel: N for (N, C), N·H·W for (N, C, H, W).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bnteach.core import arguments

# NaN and infinity travel through as they do in PyTorch: visible in the result, without a warning.
quietly = np.errstate(over="ignore", invalid="ignore", divide="ignore")


def use_rows_in_place():
    """Make NumPy use rows where they are instead of copying them to a buffer first, until `quietly` ends."""
    np.setbufsize(512)


@dataclass(eq=False)
class Cache:
    """What the forward pass keeps for the backward pass. It refers to x itself; x̂ is never stored."""

    x: np.ndarray  # (before, C, after)
    near_mean: np.ndarray  # (C, 1): the mean, rounded to x's dtype
    rest_of_mean: np.ndarray  # (C,): what this rounding left out, float64
    var: np.ndarray  # (C,): σ², divided by m
    inv_std: np.ndarray  # (C,): 1 / √(σ² + ε)
    scale: np.ndarray  # (C,): γ / √(σ² + ε)
    has_mean: bool = True  # False: the mean is left out (RMSNorm)
    constant_statistics: bool = False  # True: μ and σ² do not depend on x (evaluation)
    shape: tuple[int, ...] = ()  # of x as the caller gave it; y and dx go back in this form
    dtype: np.dtype | None = None
    parameter_dtype: np.dtype | None = None

    @property
    def count(self) -> int:
        """m: how many values a channel has."""
        return self.x.shape[0] * self.x.shape[2]

    @property
    def mean(self) -> np.ndarray:
        """μ of each channel, shape (C,), float64."""
        near = self.near_mean[:, 0].astype(np.float64)
        # After an infinite mean the rest is NaN; the mean itself stays infinite, as in PyTorch.
        return np.where(np.isinf(near), near, near + self.rest_of_mean)

    def rest_times(self, factor: np.ndarray) -> np.ndarray:
        """The rest of the mean, times a factor; 0 where that is not finite: inf must not become NaN."""
        return np.where(np.isfinite(factor), self.rest_of_mean * factor, 0.0)


def standardize(x, gamma, beta, eps, has_mean=True):
    """y = γ·(x − μ)/√(σ² + ε) + β for each of the C middle indices of x, and the cache."""
    m = max(1, x.shape[0] * x.shape[2])  # an empty batch has sums of 0: any m will do
    near_mean = (channel_sum(x) / m if has_mean else np.zeros(x.shape[1])).astype(x.dtype)
    rest, squares = np.zeros((2, x.shape[1]))
    y = np.empty(x.shape, x.dtype)
    for part, centered in blocks(x, y):
        np.subtract(part, column(near_mean, like=part), out=centered)
        rest += block_sum(centered, channels=len(rest)) if has_mean else 0.0
        squares += block_sum(centered, centered, channels=len(rest))
    # The mean was rounded to x's dtype. What mean is left has been measured, and is taken out as well:
    # the corrected two-pass algorithm (Chan, Golub & LeVeque 1983, eq. 1.7).
    rest_of_mean = rest / m
    var = squares / m - rest_of_mean**2
    if x.dtype == np.float32 and not np.isfinite(var).all():  # float32 squares overflow from 10¹⁹ on
        return standardize(x.astype(np.float64), gamma, beta, eps, has_mean)
    inv_std = 1 / np.sqrt(var + eps)
    cache = Cache(x, near_mean[:, np.newaxis], rest_of_mean, var, inv_std, gamma * inv_std, has_mean)
    return scale_and_shift(y, cache, beta), cache


def standardize_with(mean, var, x, gamma, beta, eps):
    """The same with a mean and a variance that are given: they are constants, not functions of x."""
    near_mean = column(mean, like=x)
    near = near_mean[:, 0].astype(np.float64)
    rest_of_mean = np.where(np.isinf(near), 0.0, mean - near)
    inv_std = 1 / np.sqrt(var.astype(np.float64) + eps)
    cache = Cache(x, near_mean, rest_of_mean, var, inv_std, gamma * inv_std, constant_statistics=True)
    y = np.subtract(x, near_mean, order="C")  # blocks can be written to in C order alone
    return scale_and_shift(y, cache, beta), cache


def scale_and_shift(y, cache, beta):
    """From x − near_mean to γ·x̂ + β, in place: one multiplication and one addition a value."""
    shift = beta - cache.rest_times(cache.scale)
    for (part,) in blocks(y):
        part *= column(cache.scale, like=part)
        part += column(shift, like=part)
    return y


def standardize_backward(dy, cache):
    """dx, dγ, dβ for a dy of shape (before, C, after).

        dβ = Σ dy     dγ = Σ dy·x̂     dx = γ/√(σ² + ε) · (dy − dβ/m − x̂·dγ/m)

    The two terms that are taken from dy are the paths through μ and through σ²: each x moves both.
    """
    dx = np.empty(cache.x.shape, cache.x.dtype)
    dbeta, dgamma = np.zeros((2, dx.shape[1]))
    for x, upstream, centered in blocks(cache.x, dy, dx):
        np.subtract(x, column(cache.near_mean[:, 0], like=x), out=centered)
        dbeta += block_sum(upstream, channels=len(dbeta))
        dgamma += block_sum(upstream, centered, channels=len(dbeta))
    dgamma = (dgamma - cache.rest_times(dbeta)) * cache.inv_std
    if cache.constant_statistics:  # no path leads through μ or σ²
        return dy * column(cache.scale, like=dx), dgamma, dbeta

    m = max(1, cache.count)
    through_mean = dbeta / m if cache.has_mean else 0.0
    through_var = dgamma * cache.inv_std / m  # times x − μ
    offset = cache.rest_times(through_var) - through_mean
    for part, upstream in blocks(dx, dy):
        part *= column(-through_var, like=part)
        part += column(offset, like=part)
        part += upstream
        part *= column(cache.scale, like=part)
    return dx, dgamma, dbeta


def channel_sum(*factors):
    """Σ over each channel: channel_sum(a) = Σa, channel_sum(a, b) = Σa·b. Shape (C,), float64."""
    total = np.zeros(factors[0].shape[1])
    for parts in blocks(*factors):
        total += block_sum(*parts, channels=len(total))
    return total


def block_sum(*factors, channels):
    """The sum over one block. A float32 sum loses digits as it grows; over a block it stays short."""
    if factors[0].shape[2] == 1:  # down the rows
        sums = np.einsum("bca,bca->c", *factors) if len(factors) == 2 else factors[0].sum(axis=(0, 2))
    else:  # along the lines first
        lines = np.vecdot(*factors) if len(factors) == 2 else factors[0] @ np.ones_like(factors[0][0, 0])
        sums = lines.astype(np.float64).sum(axis=0)
    if len(sums) > channels:  # joined rows
        sums = sums.astype(np.float64).reshape(-1, channels).sum(axis=0)
    return sums


def blocks(*arrays):
    """The arrays, cut alike into pieces that stay in the processor's cache from one line to the next.

    The pieces are views: what is written to them is in the array. NumPy is fast along long rows only. So
    where a row holds one value a channel, k rows are joined to one, and a piece is (rows, k·C, 1).
    """
    before, channels, after = arrays[0].shape
    length = math.ceil(after / max(1, math.ceil(after / 1024)))
    start = 0
    while start < before and channels * after:
        left = before - start
        joined = max(1, min(left // 32, 4096 // channels)) if after == 1 else 1
        rows = 32 if joined > 1 else min(left, max(1, 2**17 // (channels * length)))
        stop = start + rows * joined
        for line in range(0, after, length):
            pieces = [array[start:stop, :, line : line + length] for array in arrays]
            yield pieces if joined == 1 else [piece.reshape(rows, joined * channels, 1) for piece in pieces]
        start = stop


def column(values, like):
    """One number a channel, in the dtype of `like` and as (C, 1), so that it meets (before, C, after)."""
    values = values.astype(like.dtype)
    if like.shape[1] > len(values):  # joined rows
        values = np.tile(values, like.shape[1] // len(values))
    return values[:, np.newaxis]


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
            float16, float32 or float64; float16 is computed in float32. Never modified.
        gamma: γ, the scale, shape (C,). None stands for 1.
        beta: β, the shift, shape (C,). None stands for 0.
        eps: ε, above 0, in the units of the variance.
        channel_axis: the axis of x that counts the channels; negative numbers count from the end.

    Returns:
        y, an array with the shape and dtype of x, and a cache for `batch_norm_backward`.
        The cache refers to x, it does not copy it: leave x unchanged until the backward pass.

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
    x, values, gamma, beta, eps = _checked_for_training(x, gamma, beta, eps, channel_axis)
    use_rows_in_place()
    y, cache = standardize(_computable(values), *_or_neutral(gamma, beta, values.shape[1]), eps)
    return _as_given(y, x), _addressed(cache, x, gamma)


@quietly
def batch_norm_backward(dy, cache):
    """The gradients of a loss with respect to x, γ and β, from its gradient with respect to y.

        dβ = Σ dy     dγ = Σ dy·x̂     dx = γ/√(σ² + ε) · (dy − dβ/m − x̂·dγ/m)

    What surprises: Σdx = 0 and Σdx·x̂ ≈ 0 for each channel, whatever dy is. Adding a constant to a
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
    if not isinstance(cache, Cache):
        raise TypeError(
            f"cache is {type(cache).__name__}, expected the cache that batch_norm_forward returned"
        )
    dy = arguments.upstream("dy", dy, cache.shape)
    use_rows_in_place()
    dy = dy.reshape(cache.x.shape).astype(cache.x.dtype, copy=False)
    return _gradients_as_given(*standardize_backward(dy, cache), cache)


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
    x, gamma, beta, axis = _checked(x, gamma, beta, channel_axis)
    mean = arguments.required_per_channel("running_mean", running_mean, x, axis)
    var = arguments.required_per_channel("running_var", running_var, x, axis)
    eps = arguments.non_negative_eps(eps)
    values = _computable(arguments.channels_in_the_middle(x, axis))
    y, cache = standardize_with(mean, var, values, *_or_neutral(gamma, beta, x.shape[axis]), eps)
    return _as_given(y, x), _addressed(cache, x, gamma)


def _checked(x, gamma, beta, channel_axis):
    x = arguments.batch("x", x)
    axis = arguments.axis_of(x, channel_axis)
    return (
        x,
        arguments.per_channel("gamma", gamma, x, axis),
        arguments.per_channel("beta", beta, x, axis),
        axis,
    )


def _checked_for_training(x, gamma, beta, eps, channel_axis):
    x, gamma, beta, axis = _checked(x, gamma, beta, channel_axis)
    eps = arguments.positive_eps(eps)
    values = arguments.channels_in_the_middle(x, axis)
    if values.shape[0] * values.shape[2] == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {x.shape}")
    return x, values, gamma, beta, eps


def _or_neutral(gamma, beta, channels):
    return np.ones(channels) if gamma is None else gamma, np.zeros(channels) if beta is None else beta


def _computable(values):
    """float16 is widened to float32: 11 bits are too few to sum with."""
    return values.astype(np.result_type(values, np.float32), copy=False)


def _as_given(y, x):
    return y.astype(x.dtype, copy=False).reshape(x.shape)


def _gradients_as_given(dx, dgamma, dbeta, cache):
    dx = dx.astype(cache.dtype, copy=False).reshape(cache.shape)
    return dx, dgamma.astype(cache.parameter_dtype), dbeta.astype(cache.parameter_dtype)


def _addressed(cache, x, gamma):
    """The cache with the caller's own shape and dtypes written on it."""
    cache.shape, cache.dtype = x.shape, x.dtype
    cache.parameter_dtype = cache.x.dtype if gamma is None else gamma.dtype
    return cache
