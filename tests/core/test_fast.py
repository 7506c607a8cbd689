"""The engine is the plain page, only faster. Here: each way in which it cuts x, and how the two meet."""

import numpy as np
import pytest

import bnteach
from beside_torch import batch
from bnteach.core import fast, functional

TOLERANCE = {np.float16: 2e-3, np.float32: 1e-5, np.float64: 1e-12}

layouts = pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((5, 3), 1),  # smaller than a tile
        ((3, 5), 0),
        ((2999, 3), 1),  # joined samples, and a few left over
        ((40, 9000), 1),  # the channels cut into tiles
        ((300, 600), 1),  # the samples cut into tiles
        ((3, 9000), 0),  # one long line a channel, and a last short part
        ((6, 3, 5), 1),
        ((4, 3, 5001), 1),
        ((2, 700, 30), 1),
        ((33, 300, 7, 7), 1),  # lines long enough for sums, not for the rest
        ((40, 4, 23, 24), 1),  # lines long enough for all
        ((9, 8, 23, 24), 1),
        ((6, 23, 24, 5), 3),
        ((6, 23, 24, 5), -1),
        ((3, 4, 5, 6, 7), 2),
    ],
    ids=str,
)
dtypes = pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64], ids=lambda d: d.__name__)


def parameters(rng, channels, dtype=np.float64):
    return rng.uniform(0.5, 2, channels).astype(dtype), rng.normal(size=channels).astype(dtype)


def both_passes(core, x, gamma, beta, dy, axis, eps=1e-3):
    y, cache = core.batch_norm_forward(x, gamma, beta, eps, axis)
    return y, *core.batch_norm_backward(dy, cache)


def assert_alike(results, expected, tolerance):
    for name, result, other in zip(("y", "dx", "dgamma", "dbeta"), results, expected, strict=True):
        assert (result.shape, result.dtype) == (other.shape, other.dtype), name
        finite = other[np.isfinite(other)].astype(np.float64)
        size = np.sqrt((finite**2).sum() / max(1, finite.size))
        np.testing.assert_allclose(result, other, rtol=4 * tolerance, atol=8 * tolerance * size, err_msg=name)


@layouts
@dtypes
@pytest.mark.parametrize("offset", [0.1, 30.0], ids=["around 0", "off center"])
def test_the_same_as_the_plain_way(rng, shape, axis, dtype, offset):
    x, dy = batch(rng, shape, axis, dtype, offset)
    gamma, beta = parameters(rng, shape[axis], np.float64 if dtype is np.float64 else np.float32)
    results = both_passes(fast, x, gamma, beta, dy, axis)
    assert_alike(results, both_passes(functional, x, gamma, beta, dy, axis), TOLERANCE[dtype])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, 3e38])
@pytest.mark.parametrize("place", ["x", "dy"])
@pytest.mark.parametrize("offset", [0.1, 30.0], ids=["around 0", "off center"])
def test_nan_infinity_and_huge_values_as_in_the_plain_way(rng, bad, place, offset):
    x, dy = batch(rng, (40, 3, 6, 7), 1, np.float32, offset)
    (x if place == "x" else dy)[2, 1, 3, 4] = bad
    gamma, beta = parameters(rng, 3, np.float32)
    results, expected = (both_passes(core, x, gamma, beta, dy, 1) for core in (fast, functional))
    assert_alike(results, expected, TOLERANCE[np.float32])
    healthy = np.delete(results[1], 1, axis=1)
    assert np.isfinite(healthy).all(), "the other channels are not touched by it"


def test_any_order_in_memory_and_read_only(rng):
    x, dy = batch(rng, (30, 12, 9, 10), 1, np.float32)
    gamma, beta = parameters(rng, 6, np.float32)
    expected = both_passes(fast, x[::2, ::2].copy(), gamma, beta, dy[::2, ::2].copy(), 1)
    turned = np.asfortranarray(x[::2, ::2]), np.asfortranarray(dy[::2, ::2])
    for values, upstream in ((x[::2, ::2], dy[::2, ::2]), turned):
        values.flags.writeable = upstream.flags.writeable = False
        assert_alike(both_passes(fast, values, gamma, beta, upstream, 1), expected, 0)


@pytest.mark.parametrize("offset", [0.1, 30.0], ids=["around 0", "off center"])
def test_nothing_given_is_changed_and_the_cache_serves_twice(rng, offset):
    x, dy = batch(rng, (30, 4, 9, 10), 1, np.float32, offset)
    gamma, beta = parameters(rng, 4, np.float32)
    before = [a.copy() for a in (x, gamma, beta, dy)]
    y, cache = fast.batch_norm_forward(x, gamma, beta)
    first = fast.batch_norm_backward(dy, cache)
    kept = [a.copy() for a in first]
    for result in (y, *first):
        result[...] = 7  # the caller may do what he likes with the results
    for again, once in zip(fast.batch_norm_backward(dy, cache), kept, strict=True):
        np.testing.assert_array_equal(again, once)
    for array, copy in zip((x, gamma, beta, dy), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_each_takes_the_cache_of_the_other(rng):
    x, dy = batch(rng, (30, 4, 5))
    gamma, beta = parameters(rng, 4)
    expected = both_passes(functional, x, gamma, beta, dy, 1)
    for forward, backward in ((fast, functional), (functional, fast)):
        y, cache = forward.batch_norm_forward(x, gamma, beta, 1e-3)
        assert_alike((y, *backward.batch_norm_backward(dy, cache)), expected, 1e-12)


def test_only_the_plain_page_copies_x(rng):
    """So says the docstring of each; whoever changes x between the passes has to know."""
    x, dy = batch(rng, (30, 4))
    for page, keeps_it in ((functional, True), (fast, False)):
        changing = x.copy()
        _, cache = page.batch_norm_forward(changing, None, None)
        before = page.batch_norm_backward(dy, cache)[0]
        changing *= 2
        assert np.array_equal(page.batch_norm_backward(dy, cache)[0], before) == keeps_it


def test_layers_choose_by_size(rng, monkeypatch):
    """And what has gone forward by one page goes back by it."""
    calls = []
    for page, names in (
        (functional, ["standardize", "standardize_backward"]),
        (fast, ["statistics", "gradients"]),
    ):
        for name in names:
            real, call = getattr(page, name), page.__name__
            monkeypatch.setattr(page, name, lambda *a, f=real, c=call, **o: (calls.append(c), f(*a, **o))[1])
    for layer in (bnteach.BatchNorm(4), bnteach.GroupNorm(2, 4)):
        for samples, page in ((fast.MANY // 8 - 1, functional), (fast.MANY // 8, fast)):
            calls.clear()
            layer.backward(layer(rng.normal(size=(samples, 4, 2))))
            assert calls == [page.__name__] * 2


def test_numpys_settings_are_left_as_they_were(rng):
    x, dy = batch(rng, (30, 4))
    before = np.getbufsize(), np.geterr()
    both_passes(fast, x, np.ones(4), np.zeros(4), dy, 1)
    with pytest.raises(ValueError, match="eps"):
        fast.batch_norm_forward(x, np.ones(4), np.zeros(4), eps=-1)
    assert (np.getbufsize(), np.geterr()) == before
