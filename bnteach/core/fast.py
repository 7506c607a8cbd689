"""Batch normalization once more, tile by tile: how fast NumPy can go, in the precision of x.

Formulas, arguments, results and errors are those of functional.py; read that page first. Here most lines are
about moving numbers between memory and processor, which takes longer than the arithmetic:

* See x as a matrix in which each row belongs to one channel, whatever its layout (`matrices`).
* Finish one tile of it before the next begins, while the tile is in the processor's cache (`tiles`).
* Give NumPy long inner loops and few calls.
* Skip what the data do not need: values that lie around 0 are not centered first.

Precision is kept by short sums: each is taken in x's own dtype, and added to the others in float64. Where the
numbers of a channel are too large or too small for that, or are not finite, functional.py does the work.

x̂ is not kept: the cache refers to x, so leave x unchanged until the backward pass.
"""

import numpy as np

from bnteach.core import arguments, functional

MANY = 2**14  # values; functional.py is mostly faster with half as many, and never with twice as many
TILE = 2**18  # values in a tile, 1 MB of float32; smaller ones need more calls, and lose more than they save
LOOP = 2**11  # values in an inner loop; starting one costs as much as some 500 values
LINE = 2**12  # values of a line in one float32 sum, which BLAS adds up 16 or more at a time; more lose digits
ACROSS = 2**6  # values in one float32 sum across the lines, where they are added one by one
SMALL = 1e-20  # of a variance: below, the squares that it is made of come near the smallest float32


class Cache(functional.Cache):
    """As in functional.py, but it refers to x, and computes x̂ only when the plain page asks for it."""

    def __init__(self, x, inv_std, mean, var, gamma, layout, constant_statistics=False):
        self.x, self.inv_std, self.mean, self.var, self.gamma = x, inv_std, mean, var, gamma
        self.layout, self.constant_statistics = layout, constant_statistics

    @property
    def x_hat(self):
        return (self.x - self.mean[:, np.newaxis]) * self.inv_std[:, np.newaxis]


def matrices(arrays, long):
    """See arrays (before, C, after) as matrices in which each row belongs to one channel.

    Where `after` is `long`, each row is a line of a sample. Else each column is a sample, or several samples
    joined, so that loops down a column are long; a second matrix has the few samples that are left over.

    Yields the matrices, and (times, each): the channels come `times` over, and have `each` rows at a time.
    """
    np.setbufsize(512)  # NumPy then reads long rows where they are, without a copy, until `quietly` ends
    before, channels, after = arrays[0].shape
    if after >= long or before == 1:
        yield [a.reshape(before * channels, after) for a in arrays], before, 1
    elif arrays[0].size:
        joined = max(1, min(before // 32, LOOP // (channels * after)))
        whole = before - before % joined
        yield [a[:whole].reshape(whole // joined, -1).T for a in arrays], joined, after
        if whole < before:
            yield [a[whole:].reshape(before - whole, -1).T for a in arrays], 1, after


def tiles(matrices, line=TILE, across=TILE // LOOP):
    """Cut matrices alike, `line` columns wide, or `across` if transposed. Yields the rows, then the tiles."""
    rows, columns = matrices[0].shape
    width = max(1, min(columns, line if matrices[0].flags.c_contiguous else across))
    height = TILE // width
    for left in range(0, columns, width):
        for top in range(0, rows, height):
            yield slice(top, top + height), *[m[top : top + height, left : left + width] for m in matrices]


def beside(numbers, *arrays):
    """Yield tiles of the arrays, and before them the numbers, one a channel, as columns that stand beside."""
    numbers = np.array(numbers, arrays[0].dtype)
    for views, times, each in matrices(arrays, long=512):
        columns = np.tile(numbers.repeat(each, axis=1), times)[..., np.newaxis]
        for r, *tile in tiles(views):
            yield *columns[:, r], *tile


def sums(x, other, finer=1):
    """Σ x·other and Σ other of each channel: short sums in x's own dtype, added up in float64."""
    total = np.zeros((2, x.shape[1]))
    for views, times, each in matrices((x, other), long=32):
        of_rows, is_line = np.zeros((2, len(views[0]))), views[0].flags.c_contiguous
        for r, a, b in tiles(views, LINE // finer, ACROSS // finer):
            ones = np.ones(b.shape[1], b.dtype)
            # BLAS is quickest, but across memory it has no sum of products.
            of_rows[0, r] += np.vecdot(a, b) if is_line else np.einsum("rc,rc->r", a, b)
            of_rows[1, r] += np.vecdot(b, ones) if is_line else b @ ones
        total += of_rows.reshape(2, times, -1, each).sum(axis=(1, 3))
    return total


def scaled(x, scale, shift, out):
    """Write scale·x + shift to `out`, which may be x."""
    for s, t, a, b in beside((scale, shift), x, out):
        np.multiply(a, s, out=b)
        b += t
    return out


def around_zero(x, mean, var):
    """x and its mean; or, as a mean above the deviation costs digits, x without it and what is left of it."""
    if not (mean**2 > var).any():
        return x, mean
    center = mean.astype(x.dtype)
    return scaled(x, np.ones_like(mean), -center, out=np.empty_like(x)), mean - center


def statistics(x, has_mean=True):
    """μ and σ² of each channel; then x around zero, and the mean that is left in it."""
    m = max(1, x[:, :1].size)
    squares, mean = sums(x, x) / m
    mean = has_mean * mean
    source, rest = around_zero(x, mean, squares - mean**2)
    if source is not x:  # few digits are left; their squares would mostly be rounded to the same side
        squares, more = sums(source, source, finer=4) / m
        mean, rest = mean - rest + more, more
    return mean, np.maximum(squares - rest**2, 0), source, rest


def normalized(x, gamma, beta, eps, mean, var, source, rest):
    """y and 1/√(σ² + ε), or None for each; from what `statistics` gives."""
    inv_std = 1 / np.sqrt(var + eps)
    scale = gamma * inv_std
    if not computable(x, var + eps, mean, scale, beta):
        return None, None
    y = np.empty_like(x) if source is x else source
    return scaled(source, scale, beta - scale * rest, out=y), inv_std


def gradients(dy, cache, has_mean=True):
    """dx, dγ and dβ, or None for each: dx = γ/√(σ² + ε) · (dy − dβ/m − (x − μ)/√(σ² + ε)·dγ/m)."""
    x, inv_std, scale, m = cache.x, cache.inv_std, cache.gamma * cache.inv_std, max(1, cache.x[:, :1].size)
    dy = np.ascontiguousarray(dy.reshape(x.shape), x.dtype)
    source, rest = around_zero(x, cache.mean, cache.var)
    products, dbeta = sums(source, dy)
    dgamma = (products - rest * dbeta) * inv_std
    through_mean, through_var = has_mean * dbeta / m, dgamma * inv_std / m
    if not computable(x, inv_std, dgamma, dbeta, through_var, scale):
        return None, None, None
    dx = np.empty_like(x) if source is x else source
    if cache.constant_statistics:
        return scaled(dy, scale, 0 * scale, out=dx), dgamma, dbeta
    numbers = -through_var, through_var * rest - through_mean, scale
    for slope, offset, s, a, d, b in beside(numbers, source, dy, dx):
        np.multiply(a, slope, out=b)
        b += offset
        b += d
        b *= s
    return dx, dgamma, dbeta


def computable(x, var, *numbers):
    """Whether these numbers are finite in x's dtype, and the variance (with ε) is not too small."""
    return (var > SMALL).all() and np.isfinite(np.array([var, *numbers], x.dtype)).all()


@functional.quietly
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
    mean, var, *around = statistics(x)
    # Equal values give exactly β.
    y, inv_std = normalized(x, gamma * (var > 0), beta, eps, mean, var, *around)
    if y is None:
        return functional.batch_norm_forward(*given)
    return layout.restore(y), Cache(x, inv_std, mean, var, gamma, layout)


@functional.quietly
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
    dx, dgamma, dbeta = gradients(arguments.upstream("dy", dy, cache.layout.shape), cache)
    if dx is None:
        return functional.batch_norm_backward(dy, cache)
    return cache.layout.restore(dx), cache.layout.like_gamma(dgamma), cache.layout.like_gamma(dbeta)


@functional.quietly
def batch_norm_inference_with_cache(x, gamma, beta, running_mean, running_var, eps=1e-5, channel_axis=1):
    """`functional.batch_norm_inference_with_cache`, faster: see there."""
    given = x, gamma, beta, running_mean, running_var, eps, channel_axis
    x, gamma, beta, layout = of_batch_norm(x, gamma, beta, channel_axis)
    mean = layout.per_channel("running_mean", running_mean).ravel()
    var = layout.per_channel("running_var", running_var).ravel()
    eps = arguments.non_negative_eps(eps)
    y, inv_std = normalized(x, gamma, beta, eps, mean, var, *around_zero(x, mean, var))
    if y is None:
        return functional.batch_norm_inference_with_cache(*given)
    return layout.restore(y), Cache(x, inv_std, mean, var, gamma, layout, constant_statistics=True)


def of_batch_norm(x, gamma, beta, channel_axis):
    """As in arguments.py, but x lies together in at least float32 (float16 is too coarse to sum in)."""
    x, gamma, beta, layout = arguments.of_batch_norm(x, gamma, beta, channel_axis)
    return np.ascontiguousarray(x, np.result_type(x, np.float32)), gamma.ravel(), beta.ravel(), layout
