"""Batch normalization once more, cut into blocks: how fast NumPy can go.

The formulas, the arguments, the results and the errors are those of functional.py; read that page first.
Here the lines care for the way between memory and processor, which takes longer than the arithmetic:

* Stay on a block that fits in the processor's cache, from the first operation on it to the last.
* Give NumPy long inner loops, and the processor addresses that it likes to write to.
* Leave out what these data do not need: values that lie around 0 are not centered first.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bnteach.core import arguments, functional

BLOCK = 2**17  # values in a block: 0.5 MB of float32, so that x, dy and dx fit in a core's own cache
ROW = 2**13  # values in a row of a block, and so in an inner loop: starting one costs as much as 500 values
PIECE = 512  # a float32 sum of so many values has lost less than the last of its digits


class Cache(functional.Cache):
    """As in functional.py."""


class Strip(NamedTuple):
    """Some channels, and the blocks in which they lie. No channel needs another, so each strip is done alone.

    x (before, C, after) is seen as a matrix of one sample a row; the strip is some of its columns.
    """

    channels: slice
    after: int  # values of one channel in a sample
    joined: int  # samples side by side in one row of a block
    height: int  # rows of a block
    width: int  # columns of a block

    def blocks(self, x):
        """The blocks of x in this strip. They are views: what is written to a block is in x."""
        whole = len(x) // self.joined * self.joined
        start, stop = self.channels.start * self.after, self.channels.stop * self.after * self.joined
        for samples, joined in ((x[:whole], self.joined), (x[whole:], 1)):  # the last few samples stay single
            matrix = samples.reshape(len(samples) // joined, joined * x.shape[1] * self.after)
            for top in range(0, len(matrix), self.height):
                for left in range(start, min(stop, matrix.shape[1]), self.width):
                    yield matrix[top : top + self.height, left : min(left + self.width, stop)]

    def row(self, values, like):
        """One number a channel, written out along a row of a block: then a whole row is one inner loop."""
        values = values.astype(like.dtype)
        return values if len(values) == 1 else np.tile(np.repeat(values, self.after), self.joined)

    def sums(self, x, other):
        """Σ other and Σ x·other of each channel: short sums in x's own dtype, added up in float64."""
        channels = self.channels.stop - self.channels.start
        in_lines = self.after >= 32  # so long that BLAS along a line is quicker than a sum down the columns
        ones = np.ones(max(self.height, PIECE), x.dtype)
        total = np.zeros((2, self.joined * channels * (1 if in_lines else self.after)))
        for a, b in zip(self.blocks(x), self.blocks(other), strict=True):
            if in_lines:
                line = min(self.after, a.shape[1])
                pairs = zip(*(pieces(side.reshape(len(side), -1, line)) for side in (a, b)), strict=True)
                sums = sum(
                    (sum_of_lines(q @ ones[: q.shape[-1]], np.vecdot(p, q)) for p, q in pairs), start=0
                )
            else:
                sums = ones[: len(b)] @ b, np.einsum("rc,rc->c", a, b)
            for of_all, of_block in zip(total, sums, strict=True):
                of_all[: len(of_block)] += of_block
        return total.reshape(2, self.joined, channels, -1).sum(axis=(1, 3))


def strips(before, channels, after):
    """Cut the channels into strips: one channel if it fills blocks of its own, else enough to fill a row."""
    size = before * channels * after
    if size == 0:
        return
    if after > 8 * PIECE or (after >= PIECE and before * after >= BLOCK // 8):
        few, joined, width = 1, 1, math.ceil(after / math.ceil(after / (8 * PIECE)))
        height = BLOCK // width
    else:
        row = max(min(ROW, size // 128), BLOCK // 16 // before)  # short beside x: some rows are kept
        few = max(1, min(channels, row // after))
        joined = max(1, row // (channels * after)) if few == channels else 1
        width, height = joined * few * after, 16
    for first in range(0, channels, few):
        yield Strip(slice(first, min(first + few, channels)), after, joined, height, width)


def pieces(lines):
    """Lines (height, channels, line), cut into pieces of 512 and a last, shorter one."""
    whole = lines.shape[2] // PIECE * PIECE
    if whole:
        yield lines[..., :whole].reshape(*lines.shape[:2], -1, PIECE)
    if whole < lines.shape[2]:
        yield lines[..., whole:]


def sum_of_lines(*sums):
    """Sums of pieces (height, channels) or (height, channels, pieces), added up in float64: (…, channels)."""
    return np.array([s.astype(float).sum(axis=0).reshape(s.shape[1], -1).sum(axis=1) for s in sums])


def aligned_empty(like):
    """An empty array at a multiple of 64 bytes, where the widest instructions write up to twice as fast."""
    memory = np.empty(like.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + like.nbytes].view(like.dtype).reshape(like.shape)


def without_center(strip, x, mean, var, out):
    """x of this strip, and its mean; but a mean above the deviation costs digits, so it is taken out first.

    Then ``out`` receives x without it and is returned, with what is left of the mean.
    """
    if not (mean**2 > var).any():
        return x, mean
    center = mean.astype(x.dtype)
    row = strip.row(center, like=x)
    for a, b in zip(strip.blocks(x), strip.blocks(out), strict=True):
        np.subtract(a, row[: b.shape[1]], out=b)
    return out, mean - center.astype(float)


def standardize(x, gamma, beta, eps):
    """y, and the cache, as in functional.py."""
    m, y = max(1, x.shape[0] * x.shape[2]), aligned_empty(x)
    mean, var = np.zeros((2, x.shape[1]))
    for strip in strips(*x.shape):
        c = strip.channels
        mean[c], squares = strip.sums(x, x) / m
        var[c] = squares - mean[c] ** 2
        source, rest = without_center(strip, x, mean[c], var[c], out=y)
        if source is y:
            more, squares = strip.sums(y, y) / m
            mean[c], rest, var[c] = mean[c] - rest + more, more, squares - more**2
        scale = gamma[c] / np.sqrt(var[c] + eps)
        scale, shift = strip.row(scale, like=x), strip.row(beta[c] - scale * rest, like=x)
        for a, b in zip(strip.blocks(source), strip.blocks(y), strict=True):
            np.multiply(a, scale[: b.shape[1]], out=b)
            b += shift[: b.shape[1]]
    if not np.isfinite(var).all():  # huge values, infinity, NaN: rare, so the plain way is good enough
        y, cache = functional.standardize(x, gamma, beta, eps)
        return y, Cache(**vars(cache))
    near_mean, inv_std = functional.column(mean, like=x), 1 / np.sqrt(var + eps)
    return y, Cache(x, near_mean, mean - near_mean[:, 0].astype(float), var, inv_std, gamma * inv_std)


def standardize_backward(dy, cache):
    """dx, dγ, dβ, as in functional.py."""
    x, m, dx, mean = cache.x, max(1, cache.count), aligned_empty(cache.x), cache.mean
    dgamma, dbeta = np.zeros((2, x.shape[1]))
    for strip in strips(*x.shape):
        c = strip.channels
        source, rest = without_center(strip, x, mean[c], cache.var[c], out=dx)
        dbeta[c], products = strip.sums(source, dy)
        dgamma[c] = (products - rest * dbeta[c]) * cache.inv_std[c]
        through_var = dgamma[c] * cache.inv_std[c] / m
        slope, scale = strip.row(-through_var, like=x), strip.row(cache.scale[c], like=x)
        offset = strip.row(through_var * rest - dbeta[c] / m, like=x)
        for a, d, b in zip(strip.blocks(source), strip.blocks(dy), strip.blocks(dx), strict=True):
            np.multiply(a, slope[: b.shape[1]], out=b)
            b += offset[: b.shape[1]]
            b += d
            b *= scale[: b.shape[1]]
    if not np.isfinite(dgamma).all() or not np.isfinite(dbeta).all():
        return functional.standardize_backward(dy, cache)
    return dx, dgamma, dbeta


@functional.quietly
def batch_norm_forward(x, gamma, beta, eps=1e-5, channel_axis=1):
    """`bnteach.batch_norm_forward`, faster: see there. The cache is for the backward pass of this file.

    What surprises: x that is not contiguous in memory is copied first.

    >>> x = np.array([[1.0, 10.0], [2.0, 30.0], [6.0, 20.0]])
    >>> y, cache = batch_norm_forward(x, gamma=np.array([1.0, 2.0]), beta=np.array([0.0, 5.0]))
    >>> print(y.round(2))
    [[-0.93  2.55]
     [-0.46  7.45]
     [ 1.39  5.  ]]
    """
    x, gamma, beta, axis = functional._checked(x, gamma, beta, channel_axis)
    eps = arguments.positive_eps(eps)
    values = arguments.channels_in_the_middle(x, axis)
    if values.shape[0] * values.shape[2] == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {x.shape}")
    values = np.ascontiguousarray(functional._computable(values))
    np.setbufsize(
        512
    )  # until the end of `quietly`: rows are then used where they are, not copied to a buffer
    y, cache = standardize(values, *functional._or_neutral(gamma, beta, x.shape[axis]), eps)
    return functional._as_given(y, x), functional._addressed(cache, x, gamma)


@functional.quietly
def batch_norm_backward(dy, cache):
    """`bnteach.batch_norm_backward`, faster: see there. The cache is one of this file.

    >>> x = np.array([[1.0], [2.0], [6.0]])
    >>> y, cache = batch_norm_forward(x, gamma=np.array([3.0]), beta=np.array([0.5]))
    >>> dx, dgamma, dbeta = batch_norm_backward(np.array([[1.0], [0.0], [0.0]]), cache)
    >>> print(dx.ravel().round(3), dgamma.round(3), dbeta)
    [ 0.529 -0.661  0.132] [-0.926] [1.]
    """
    if not isinstance(cache, Cache):
        raise TypeError(
            f"cache is {type(cache).__name__}, expected the cache that batch_norm_forward returned"
        )
    dy = arguments.upstream("dy", dy, cache.shape)
    dy = np.ascontiguousarray(dy.reshape(cache.x.shape), cache.x.dtype)
    np.setbufsize(512)
    dx, dgamma, dbeta = standardize_backward(dy, cache)
    dx = dx.astype(cache.dtype, copy=False).reshape(cache.shape)
    return dx, dgamma.astype(cache.parameter_dtype), dbeta.astype(cache.parameter_dtype)
