"""The blocked implementation is the plain one, only faster: results, errors and manners are the same."""

import numpy as np
import pytest
import torch

from beside_torch import batch
from bnteach.core import blocked, functional

TOLERANCE = {np.float16: 2e-3, np.float32: 1e-5, np.float64: 1e-12}

layouts = pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((5, 3), 1),  # smaller than a row of a block
        ((3, 5), 0),
        ((2999, 3), 1),  # samples joined to rows, and a few left over
        ((40, 9000), 1),  # rows cut into strips
        ((3, 9000), 0),  # one long line a channel, and a last short piece
        ((6, 3, 5), 1),
        ((4, 3, 5001), 1),
        ((2, 700, 30), 1),
        ((33, 300, 7, 7), 1),  # a strip of some channels
        ((40, 4, 23, 24), 1),  # a strip is one channel
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
@pytest.mark.parametrize("offset", [0.1, 30.0], ids=["around 0", "off centre"])
def test_the_same_as_the_plain_way(rng, shape, axis, dtype, offset):
    x, dy = batch(rng, shape, axis, dtype, offset)
    gamma, beta = parameters(rng, shape[axis], np.float64 if dtype is np.float64 else np.float32)
    results = both_passes(blocked, x, gamma, beta, dy, axis)
    assert_alike(results, both_passes(functional, x, gamma, beta, dy, axis), TOLERANCE[dtype])


@layouts
@pytest.mark.parametrize("offset", [0.1, 30.0], ids=["around 0", "off centre"])
def test_the_same_as_pytorch(rng, shape, axis, offset):
    x, dy = batch(rng, shape, axis, offset=offset)
    gamma, beta = parameters(rng, shape[axis])
    tx, tdy = (torch.tensor(np.moveaxis(a, axis, 1).copy()) for a in (x, dy))
    tgamma, tbeta = torch.tensor(gamma, requires_grad=True), torch.tensor(beta, requires_grad=True)
    y = torch.nn.functional.batch_norm(tx.requires_grad_(), None, None, tgamma, tbeta, True, eps=1e-3)
    y.backward(tdy)
    y, dx = (np.moveaxis(a.detach().numpy(), 1, axis) for a in (y, tx.grad))
    expected = y, dx, tgamma.grad.numpy(), tbeta.grad.numpy()
    assert_alike(both_passes(blocked, x, gamma, beta, dy, axis), expected, 1e-11)


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 5), (4, 3, 0), (4, 0)], ids=str)
def test_an_empty_batch(shape):
    x, gamma, beta = np.zeros(shape, np.float32), np.ones(shape[1]), np.zeros(shape[1])
    y, dx, dgamma, dbeta = both_passes(blocked, x, gamma, beta, x, 1)
    assert y.shape == dx.shape == shape
    assert not dgamma.any()
    assert not dbeta.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, 3e38])
@pytest.mark.parametrize("place", ["x", "dy"])
@pytest.mark.parametrize("offset", [0.1, 30.0], ids=["around 0", "off centre"])
def test_nan_infinity_and_huge_values_as_in_the_plain_way(rng, bad, place, offset):
    x, dy = batch(rng, (40, 3, 6, 7), 1, np.float32, offset)
    (x if place == "x" else dy)[2, 1, 3, 4] = bad
    gamma, beta = parameters(rng, 3, np.float32)
    results, expected = (both_passes(core, x, gamma, beta, dy, 1) for core in (blocked, functional))
    assert_alike(results, expected, TOLERANCE[np.float32])
    healthy = np.delete(results[1], 1, axis=1)
    assert np.isfinite(healthy).all(), "the other channels are not touched by it"


def test_any_order_in_memory_and_read_only(rng):
    x, dy = batch(rng, (30, 12, 9, 10), 1, np.float32)
    gamma, beta = parameters(rng, 6, np.float32)
    expected = both_passes(blocked, x[::2, ::2].copy(), gamma, beta, dy[::2, ::2].copy(), 1)
    turned = np.asfortranarray(x[::2, ::2]), np.asfortranarray(dy[::2, ::2])
    for values, upstream in ((x[::2, ::2], dy[::2, ::2]), turned):
        values.flags.writeable = upstream.flags.writeable = False
        assert_alike(both_passes(blocked, values, gamma, beta, upstream, 1), expected, 0)


@pytest.mark.parametrize("offset", [0.1, 30.0], ids=["around 0", "off centre"])
def test_nothing_given_is_changed_and_the_cache_serves_twice(rng, offset):
    x, dy = batch(rng, (30, 4, 9, 10), 1, np.float32, offset)
    gamma, beta = parameters(rng, 4, np.float32)
    before = [a.copy() for a in (x, gamma, beta, dy)]
    y, cache = blocked.batch_norm_forward(x, gamma, beta)
    first = blocked.batch_norm_backward(dy, cache)
    kept = [a.copy() for a in first]
    for result in (y, *first):
        result[...] = 7  # the caller may do what he likes with the results
    for again, once in zip(blocked.batch_norm_backward(dy, cache), kept, strict=True):
        np.testing.assert_array_equal(again, once)
    for array, copy in zip((x, gamma, beta, dy), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_gamma_and_beta_may_be_missing(rng):
    x, dy = batch(rng, (30, 4), 1, np.float32)
    assert_alike(
        both_passes(blocked, x, None, None, dy, 1), both_passes(functional, x, None, None, dy, 1), 1e-5
    )


def message(function, *args, **options):
    with pytest.raises((TypeError, ValueError)) as caught:
        function(*args, **options)
    return caught.type, str(caught.value)


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("x", np.zeros((4, 3), int)),
        ("x", np.zeros(4)),
        ("x", np.zeros((1, 3))),
        ("gamma", np.zeros(4)),
        ("beta", np.zeros(3, complex)),
        ("eps", 0.0),
        ("eps", "small"),
        ("channel_axis", 2),
        ("channel_axis", 1.0),
    ],
)
def test_refuses_in_the_same_words(changed, value):
    given = {"x": np.zeros((4, 3)), "gamma": np.ones(3), "beta": np.zeros(3), changed: value}
    plain, fast = (message(core.batch_norm_forward, **given) for core in (functional, blocked))
    assert plain == fast


def test_backward_takes_its_own_cache_and_a_fitting_dy(rng):
    x, dy = batch(rng, (30, 4))
    _, cache = blocked.batch_norm_forward(x, np.ones(4), np.zeros(4))
    _, other = functional.batch_norm_forward(x, np.ones(4), np.zeros(4))
    for foreign in (other, None, {}):
        with pytest.raises(TypeError, match="cache is "):
            blocked.batch_norm_backward(dy, foreign)
    with pytest.raises(ValueError, match=r"dy has shape \(30, 3\), expected \(30, 4\)"):
        blocked.batch_norm_backward(dy[:, :3], cache)
    with pytest.raises(TypeError, match="dy has dtype int64"):
        blocked.batch_norm_backward(dy.astype(int), cache)


def test_numpys_settings_are_left_as_they_were(rng):
    x, dy = batch(rng, (30, 4))
    before = np.getbufsize(), np.geterr()
    both_passes(blocked, x, np.ones(4), np.zeros(4), dy, 1)
    with pytest.raises(ValueError, match="eps"):
        blocked.batch_norm_forward(x, np.ones(4), np.zeros(4), eps=-1)
    assert (np.getbufsize(), np.geterr()) == before
