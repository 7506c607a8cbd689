"""Batch normalization once more, cut into blocks: how fast NumPy can go.

The formulas, the arguments, the results and the errors are those of functional.py; read that page first.
Here the lines care for the way between memory and processor, which takes longer than the arithmetic:

* Read and write in the order of memory, a block at a time; the block stays in the processor's cache.
* Give NumPy long inner loops, and the processor addresses that it likes to write to.
* Leave out what these data do not need: values that lie around 0 are not centered first.
"""

from __future__ import annotations

import numpy as np

from bnteach.core import arguments, functional

BLOCK = 2**17  # values in a block: 0.5 MB of float32, so that x, dy and dx fit in a core's own cache
ROW = 2**12  # values in a row, and so in an inner loop; starting one costs as much as some 500 values
LONG = 512  # a line as long as this is an inner loop of its own
PIECE = 1024  # a float32 sum of so few values, by the processor 16 or more at a time, loses hardly a digit


class Cache(functional.Cache):
    """As in functional.py."""


def blocks(*arrays):
    """Cut arrays (before, C, after) alike. Yields the channels of a block, and the block of each array.

    The blocks are views of memory that lies together. Rows with one value a channel are joined to long ones:
    that block is (rows, k·C, 1).
    """
    before, channels, after = arrays[0].shape
    if after == 1:
        top = 0
        while top < before and channels:
            left = before - top
            joined = max(1, min(left // 32, ROW // channels))
            rows = min(left // joined, max(1, BLOCK // (joined * channels)))
            stop = top + rows * joined
            yield slice(0, channels), [a[top:stop].reshape(rows, joined * channels, 1) for a in arrays]
            top = stop
    elif channels * after:
        height, few = max(1, BLOCK // (channels * after)), max(1, min(channels, BLOCK // after))
        for top in range(0, before, height):
            for first in range(0, channels, few):
                for start in range(0, after, BLOCK):
                    c = slice(first, first + few)
                    yield c, [a[top : top + height, c, start : start + BLOCK] for a in arrays]


def long_rows(*arrays):
    """Short lines, such as 7×7 maps, make short loops: a whole sample becomes a row, (before, C·after, 1)."""
    return [a if a.shape[2] >= LONG else a.reshape(len(a), a.shape[1] * a.shape[2], 1) for a in arrays]


def written_out(values, x):
    """One number a channel, in the dtype and for the middle axis of `long_rows(x)`."""
    values = values.astype(x.dtype)
    return values if x.shape[2] >= LONG else np.repeat(values, x.shape[2])


def column(values, block):
    """The numbers as (C, 1), or as (k·C, 1) for a block of k joined rows."""
    joined = block.shape[1] // len(values)
    return (np.tile(values, joined) if joined > 1 else values)[:, np.newaxis]


def sums(x, other):
    """Σ other and Σ x·other of each channel: short sums in x's own dtype, added up in float64."""
    channels, after = x.shape[1:]
    total = np.zeros((2, channels))
    if after < 32:  # down the columns of a block, which has less than 65 rows
        for _, (a, b) in blocks(*long_rows(x, other)):
            parts = np.ones(len(b), b.dtype) @ b[..., 0], np.einsum("rc,rc->c", a[..., 0], b[..., 0])
            total += np.array(parts, float).reshape(2, -1, channels, after).sum(axis=(1, 3))
    else:  # along lines so long, the dot product of BLAS is the quickest sum
        for c, (a, b) in blocks(x, other):
            for p, q in zip(pieces(a), pieces(b), strict=True):
                parts = (
                    np.array([q @ np.ones(q.shape[-1], q.dtype), np.vecdot(p, q)]).astype(float).sum(axis=1)
                )
                total[:, c] += parts.reshape(2, q.shape[1], -1).sum(axis=2)
    return total


def pieces(block):
    """A block (rows, C, after) with its lines cut in pieces of 1024, and a last shorter piece of each."""
    whole = block.shape[2] // PIECE * PIECE
    if whole:
        yield block[..., :whole].reshape(*block.shape[:2], -1, PIECE)
    if whole < block.shape[2]:
        yield block[..., whole:]


def aligned_empty(like):
    """An empty array at a multiple of 64 bytes, where the widest instructions write up to twice as fast."""
    memory = np.empty(like.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + like.nbytes].view(like.dtype).reshape(like.shape)


def around_zero(x, mean, var, out):
    """x and its mean; but a mean above the deviation costs digits, so it is taken out first.

    Then `out` receives x without it, and is returned with what is left of the mean.
    """
    if not (mean**2 > var).any():
        return x, mean
    center = mean.astype(x.dtype)
    row = written_out(center, x)
    for c, (a, b) in blocks(*long_rows(x, out)):
        np.subtract(a, column(row[c], a), out=b)
    return out, mean - center.astype(float)


def standardize(x, gamma, beta, eps):
    """y, and the cache, as in functional.py."""
    m, y = max(1, x.shape[0] * x.shape[2]), aligned_empty(x)
    mean, squares = sums(x, x) / m
    source, rest = around_zero(x, mean, squares - mean**2, out=y)
    if source is y:
        more, squares = sums(y, y) / m
        mean, rest = mean - rest + more, more
    var = squares - rest**2
    if not np.isfinite(var).all():  # huge values, infinity, NaN: rare, so the plain way is good enough
        y, cache = functional.standardize(x, gamma, beta, eps)
        return y, Cache(**vars(cache))
    inv_std, near_mean = 1 / np.sqrt(var + eps), functional.column(mean, like=x)
    scale, shift = written_out(gamma * inv_std, x), written_out(beta - gamma * inv_std * rest, x)
    for c, (a, b) in blocks(*long_rows(source, y)):
        np.multiply(a, column(scale[c], a), out=b)
        b += column(shift[c], a)
    return y, Cache(x, near_mean, mean - near_mean[:, 0].astype(float), var, inv_std, gamma * inv_std)


def standardize_backward(dy, cache):
    """dx, dγ, dβ, as in functional.py."""
    x, m, dx = cache.x, max(1, cache.count), aligned_empty(cache.x)
    source, rest = around_zero(x, cache.mean, cache.var, out=dx)
    dbeta, products = sums(source, dy)
    dgamma = (products - rest * dbeta) * cache.inv_std
    if not (np.isfinite(dgamma) & np.isfinite(dbeta)).all():
        return functional.standardize_backward(dy, cache)
    through_var = dgamma * cache.inv_std / m
    offset = written_out(through_var * rest - dbeta / m, x)
    slope, scale = written_out(-through_var, x), written_out(cache.scale, x)
    for c, (a, d, b) in blocks(*long_rows(source, dy, dx)):
        np.multiply(a, column(slope[c], a), out=b)
        b += column(offset[c], a)
        b += d
        b *= column(scale[c], a)
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
    x, values, gamma, beta, eps = functional._checked_for_training(x, gamma, beta, eps, channel_axis)
    values = np.ascontiguousarray(functional._computable(values))
    functional.use_rows_in_place()
    y, cache = standardize(values, *functional._or_neutral(gamma, beta, values.shape[1]), eps)
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
    functional.use_rows_in_place()
    return functional._gradients_as_given(*standardize_backward(dy, cache), cache)
