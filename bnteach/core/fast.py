"""Batch normalization once more, cut into blocks: how fast NumPy can go, in the precision of x.

Formulas, arguments, results and errors are those of functional.py; read that page first. Here most lines are
about moving numbers between memory and processor, which takes longer than the arithmetic:

* Read and write in the order of memory, a block at a time; the block stays in the processor's cache.
* Give NumPy long inner loops, and write to addresses that suit the processor.
* Skip what the data do not need: values that lie around 0 are not centered first.

Precision is kept by short sums: each is taken in x's own dtype, and added to the others in float64. Where the
numbers of a channel are too large or too small for that, or are not finite, functional.py does the work.

x̂ is not kept: the cache refers to x, so leave x unchanged until the backward pass.
"""

from __future__ import annotations

import numpy as np

from bnteach.core import arguments, functional
from bnteach.core.functional import quietly

MANY = 2**14  # values; with half as many functional.py is twice as fast, with twice as many this file is
BLOCK = 2**17  # values in a block: 0.5 MB of float32, so that x, dy and dx fit in a core's own cache
ROW = 2**12  # values in a row, and so in an inner loop; starting one costs as much as some 500 values
LONG = 512  # a line as long as this is an inner loop of its own
PIECE = 1024  # a float32 sum of so few values, by the processor 16 or more at a time, loses hardly a digit
SMALL = 1e-20  # of a variance: below, the squares that it is made of come near the smallest float32


class Cache(functional.Cache):
    """As in functional.py, but it refers to x, and computes x̂ only when the plain page asks for it."""

    def __init__(self, x, inv_std, mean, var, gamma, layout, constant_statistics=False):
        self.x, self.inv_std, self.mean, self.var, self.gamma = x, inv_std, mean, var, gamma
        self.layout, self.constant_statistics = layout, constant_statistics

    @property
    def x_hat(self):
        return (self.x - self.mean[:, np.newaxis]) * self.inv_std[:, np.newaxis]


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


def has_long_rows(x):
    """Whether a line of x is an inner loop; else a whole sample is, if its channels come again."""
    return x.shape[2] >= LONG or len(x) == 1


def long_rows(*arrays):
    """Short lines, such as 7×7 maps, make short loops: a whole sample becomes a row, (before, C·after, 1)."""
    return [a if has_long_rows(a) else a.reshape(len(a), a.shape[1] * a.shape[2], 1) for a in arrays]


def per_row(values, x):
    """One number a channel, in the dtype and for the middle axis of `long_rows(x)`."""
    values = values.astype(x.dtype)
    return values if has_long_rows(x) else np.repeat(values, x.shape[2])


def column(values, block):
    """The numbers as (C, 1), or as (k·C, 1) for a block of k joined rows."""
    joined = block.shape[1] // len(values)
    return (np.tile(values, joined) if joined > 1 else values)[:, np.newaxis]


def sums(x, other):
    """Σ other and Σ x·other of each channel: short sums in x's own dtype, added up in float64."""
    before, channels, after = x.shape
    total = np.zeros((2, channels))
    if after < 32 and before > 1:  # down the columns of a block, which has less than 65 rows
        for _, (a, b) in blocks(*long_rows(x, other)):
            parts = np.ones(len(b), b.dtype) @ b[..., 0], np.einsum("rc,rc->c", a[..., 0], b[..., 0])
            total += np.array(parts, float).reshape(2, -1, channels, after).sum(axis=(1, 3))
    else:  # along lines so long, the dot product of BLAS is the quickest sum
        for c, (a, b) in blocks(x, other):
            for p, q in zip(pieces(a), pieces(b), strict=True):
                parts = np.array([q @ np.ones(q.shape[-1], q.dtype), np.vecdot(p, q)])
                total[:, c] += parts.astype(float).sum(axis=1).reshape(2, q.shape[1], -1).sum(axis=2)
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
    row = per_row(center, x)
    for c, (a, b) in blocks(*long_rows(x, out)):
        np.subtract(a, column(row[c], a), out=b)
    return out, mean - center.astype(float)


def statistics(x, out, has_mean=True):
    """μ and σ² of each channel; then x around zero, perhaps in `out`, and the mean that is left in it."""
    m = max(1, x.shape[0] * x.shape[2])
    mean, squares = sums(x, x) / m
    if not has_mean:
        return 0 * mean, squares, x, 0 * mean
    source, rest = around_zero(x, mean, squares - mean**2, out)
    if source is out:
        more, squares = sums(out, out) / m
        mean, rest = mean - rest + more, more
    return mean, np.maximum(squares - rest**2, 0), source, rest


def scaled(source, scale, shift, out):
    """Write source·scale + shift to `out`: one multiplication and one addition a value."""
    scale, shift = per_row(scale, source), per_row(shift, source)
    for c, (a, b) in blocks(*long_rows(source, out)):
        np.multiply(a, column(scale[c], a), out=b)
        b += column(shift[c], a)
    return out


def write_dx(dx, source, rest, dy, through_mean, through_var, scale):
    """dx = scale·(dy − through_mean − through_var·(source − rest)), where dx and source may be one array."""
    slope, offset = per_row(-through_var, source), per_row(through_var * rest - through_mean, source)
    scale = per_row(scale, source)
    for c, (a, d, b) in blocks(*long_rows(source, dy, dx)):
        np.multiply(a, column(slope[c], a), out=b)
        b += column(offset[c], a)
        b += d
        b *= column(scale[c], a)
    return dx


def computable(x, var, *numbers):
    """Whether these numbers are finite in x's dtype, and the variance (with ε) is not too small."""
    return (var > SMALL).all() and all(np.isfinite(n.astype(x.dtype)).all() for n in (var, *numbers))


def use_rows_in_place():
    """Make NumPy use rows where they are instead of copying them to a buffer first, until `quietly` ends."""
    np.setbufsize(512)


@quietly
def standardize_rows(x, eps, has_mean=True):
    """`functional.standardize` along axis 1 of x (sets, values); x̂ has the dtype of x."""
    use_rows_in_place()
    x = x[np.newaxis]  # each set is a channel, and there is one sample
    x_hat = aligned_empty(x)
    mean, var, source, rest = statistics(x, x_hat, has_mean)
    if not computable(x, var + eps, mean):
        return functional.standardize(x[0].astype(np.float64), (1,), eps, has_mean)
    inv_std = 1 / np.sqrt(var + eps)
    scale = np.where(var > 0, inv_std, 0)  # equal values give exactly 0
    scaled(source, scale, -scale * rest, out=x_hat)
    return x_hat[0], inv_std[:, np.newaxis], mean, var


@quietly
def standardize_rows_backward(dx_hat, x_hat, inv_std, has_mean=True):
    """`functional.standardize_backward` along axis 1, in the dtype of x̂."""
    use_rows_in_place()
    total, products = sums(x_hat[np.newaxis], dx_hat[np.newaxis]) / max(1, x_hat.shape[1])
    through_mean = total if has_mean else 0 * total
    if not computable(x_hat, inv_std.ravel(), through_mean, products):
        dx_hat, x_hat = dx_hat.astype(np.float64), x_hat.astype(np.float64)
        return functional.standardize_backward(dx_hat, x_hat, inv_std, (1,), has_mean)
    source, dx = x_hat[np.newaxis], aligned_empty(x_hat[np.newaxis])
    return write_dx(dx, source, 0, dx_hat[np.newaxis], through_mean, products, inv_std.ravel())[0]


@quietly
def batch_norm_forward(x, gamma, beta, eps=1e-5, channel_axis=1):
    """`bnteach.batch_norm_forward`, faster: see there.

    >>> x = np.array([[1.0, 10.0], [2.0, 30.0], [6.0, 20.0]])
    >>> y, cache = batch_norm_forward(x, gamma=np.array([1.0, 2.0]), beta=np.array([0.0, 5.0]))
    >>> print(y.round(2))
    [[-0.93  2.55]
     [-0.46  7.45]
     [ 1.39  5.  ]]
    """
    given = x, gamma, beta, eps, channel_axis
    x, gamma, beta, layout = of_batch_norm(x, gamma, beta, channel_axis)
    eps = arguments.positive_eps(eps)
    arguments.refuse_single_values(x, layout)
    use_rows_in_place()
    y = aligned_empty(x)
    mean, var, source, rest = statistics(x, y)
    inv_std = 1 / np.sqrt(var + eps)
    scale = np.where(var > 0, gamma * inv_std, 0)  # equal values give exactly β
    shift = beta - scale * rest
    if not computable(x, var + eps, scale, shift):
        return functional.batch_norm_forward(*given)
    scaled(source, scale, shift, out=y)
    return layout.restore(y), Cache(x, inv_std, mean, var, gamma, layout)


@quietly
def batch_norm_backward(dy, cache):
    """`bnteach.batch_norm_backward`, faster: see there.

    >>> x = np.array([[1.0], [2.0], [6.0]])
    >>> y, cache = batch_norm_forward(x, gamma=np.array([3.0]), beta=np.array([0.5]))
    >>> dx, dgamma, dbeta = batch_norm_backward(np.array([[1.0], [0.0], [0.0]]), cache)
    >>> print(dx.ravel().round(3), dgamma.round(3), dbeta)
    [ 0.529 -0.661  0.132] [-0.926] [1.]
    """
    if not isinstance(cache, Cache):
        return functional.batch_norm_backward(dy, cache)
    given, layout, x, m = dy, cache.layout, cache.x, max(1, cache.count)
    inv_std, scale = cache.inv_std, cache.gamma * cache.inv_std
    dy = arguments.upstream("dy", dy, layout.shape).reshape(x.shape)
    dy = np.ascontiguousarray(dy, x.dtype)
    use_rows_in_place()
    dx = aligned_empty(x)
    source, rest = around_zero(x, cache.mean, cache.var, out=dx)
    dbeta, products = sums(source, dy)
    dgamma = (products - rest * dbeta) * inv_std
    through_var = dgamma * inv_std / m
    if not computable(x, inv_std, dgamma, dbeta, through_var, scale):
        return functional.batch_norm_backward(given, cache)
    if cache.constant_statistics:
        scaled(dy, scale, 0 * scale, out=dx)
    else:
        write_dx(dx, source, rest, dy, dbeta / m, through_var, scale)
    return layout.restore(dx), layout.like_gamma(dgamma), layout.like_gamma(dbeta)


@quietly
def batch_norm_inference_with_cache(x, gamma, beta, running_mean, running_var, eps=1e-5, channel_axis=1):
    """`functional.batch_norm_inference_with_cache`, faster: see there."""
    given = x, gamma, beta, running_mean, running_var, eps, channel_axis
    x, gamma, beta, layout = of_batch_norm(x, gamma, beta, channel_axis)
    mean, var = (
        layout.per_channel(name, value).ravel()
        for name, value in (("running_mean", running_mean), ("running_var", running_var))
    )
    eps = arguments.non_negative_eps(eps)
    use_rows_in_place()
    inv_std = 1 / np.sqrt(var + eps)
    if not computable(x, var + eps, mean, gamma * inv_std, beta):
        return functional.batch_norm_inference_with_cache(*given)
    y = aligned_empty(x)
    source, rest = around_zero(x, mean, var, out=y)
    scaled(source, gamma * inv_std, beta - gamma * inv_std * rest, out=y)
    return layout.restore(y), Cache(x, inv_std, mean, var, gamma, layout, constant_statistics=True)


def of_batch_norm(x, gamma, beta, channel_axis):
    """As in arguments.py, but x lies together in at least float32 (float16 is too coarse to sum in)."""
    x, gamma, beta, layout = arguments.of_batch_norm(x, gamma, beta, channel_axis)
    return np.ascontiguousarray(x, np.result_type(x, np.float32)), gamma.ravel(), beta.ravel(), layout
