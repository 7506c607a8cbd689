"""Numbers at the edge: large means, tiny and zero variance, huge values, NaN and infinity.

Warnings are errors in this project's tests, so each test here also shows that none escapes.
"""

from itertools import product

import numpy as np
import pytest
import torch

from beside_torch import as_tensors, assert_same, batch, in_float64, our_pass, pair, pytorchs_pass
from bnteach import BatchNorm

pytestmark = pytest.mark.usefixtures("page")

EPS32 = float(np.finfo(np.float32).eps)
modes = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
layouts = pytest.mark.parametrize(
    ("shape", "axis"),
    [((400, 3), 1), ((8, 3, 9, 10), 1), ((8, 9, 10, 3), -1)],
    ids=["(N, C)", "NCHW", "NHWC"],
)


@layouts
@pytest.mark.parametrize("ratio", [1e4, 1e5, 1e6, 1e7])
def test_mean_far_above_the_spread_in_float32(rng, shape, axis, ratio):
    """As good as x is: as PyTorch in float64 from the same float32 numbers, at every ratio.

    (From 1e7 on a float32 x has a few different values left. They are normalized exactly all the same.)
    """
    x, dy = batch(rng, shape, axis, np.float32)
    x = (x + ratio).astype(np.float32)
    bn, twin = pair(rng, x, axis, np.float32)
    in_float64(twin, bn)
    ours, exact = our_pass(bn, x, dy), pytorchs_pass(twin, x.astype(np.float64), dy.astype(np.float64), axis)
    units = {"dgamma": 20, "dbeta": 20, "running_var": 2}
    assert_same(ours, exact, 40 * EPS32, units)
    spread = BatchNorm(3, channel_axis=axis, momentum=1)
    spread(x)
    assert (spread.running_var > 0).all()


def test_pytorchs_own_float32_loses_there(rng):
    """The reason for the float64 reference above, and a warning to whoever takes PyTorch for the truth."""
    x = (batch(rng, (320, 3), dtype=np.float32)[0] + 1e6).astype(np.float32)
    exact = x.astype(np.float64).var(axis=0, ddof=1)
    bn, twin = BatchNorm(3, momentum=1), torch.nn.BatchNorm1d(3, momentum=1)
    bn(x), twin(torch.tensor(x))
    assert np.abs(bn.running_var / exact - 1).max() < 1e-6
    assert np.abs(twin.running_var.numpy() / exact - 1).max() > np.abs(bn.running_var / exact - 1).max()


@pytest.mark.parametrize("spread", [1e-3, 1e-8, 1e-15, 1e-20, 1e-30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tiny_spread(rng, dtype, spread):
    """ε takes over: y shrinks toward β, and dx stays bounded by γ/√ε."""
    x, dy = batch(rng, (60, 3), dtype=dtype, offset=0, spread=spread)
    bn, twin = pair(rng, x, dtype=dtype)
    in_float64(twin, bn)
    ours, exact = our_pass(bn, x, dy), pytorchs_pass(twin, x.astype(np.float64), dy.astype(np.float64))
    assert_same(ours, exact, 1e-12 if dtype == np.float64 else 1e-5, {"dx": 300, "dgamma": 10, "dbeta": 10})


@modes
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", [1.0, 3.0, 1 / 3, 1000.1, 1e-4])
def test_constant_channels(rng, dtype, size, training):
    """The variance is exactly 0, and y exactly β, also where the sum of equal numbers is rounded."""
    x = np.full((37, 3), size, dtype)
    dy = rng.normal(size=x.shape).astype(dtype)
    bn, twin = pair(rng, x, dtype=np.result_type(dtype, np.float32))
    bn.train(training)
    in_float64(twin, bn).train(training)
    ours, exact = our_pass(bn, x, dy), pytorchs_pass(twin, x.astype(np.float64), dy.astype(np.float64))
    if training:
        np.testing.assert_array_equal(ours["y"], np.broadcast_to(bn.beta.astype(dtype), x.shape))
    tolerance = {np.float16: 4e-3, np.float32: 2e-5, np.float64: 1e-10}[dtype]
    assert_same(ours, exact, tolerance, {"dx": 300, "y": 1 + size, "dgamma": 10 + 10 * size, "dbeta": 10})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e10, 1e30])
@pytest.mark.parametrize("m", [37, 1000, 20_001])
def test_large_constant_channels(rng, dtype, size, m):
    """y is exactly β. dγ should be 0: PyTorch, whose mean is rounded, is off, and we are off by no more."""
    x, dy = np.full((m, 3), size, dtype), rng.normal(size=(m, 3)).astype(dtype)
    bn, twin = pair(rng, x, dtype=dtype)
    ours, pytorchs = our_pass(bn, x, dy), pytorchs_pass(twin, x, dy)
    np.testing.assert_array_equal(ours["y"], np.broadcast_to(bn.beta, x.shape))
    assert (np.abs(ours["dgamma"]) <= 4 * np.abs(pytorchs["dgamma"])).all()
    assert np.isfinite(ours["dx"]).all()


@pytest.mark.parametrize("scale", [1e18, 1e19, 1e25, 1e30, 1e37, 3.4e38])
@layouts
def test_huge_values_in_float32(rng, shape, axis, scale):
    """Squares overflow from 1.8e19 on. The largest float32 is 3.4e38: there a sum of two overflows."""
    x = (scale * rng.uniform(-1, 1, shape)).astype(np.float32)
    dy = rng.normal(size=shape).astype(np.float32)
    bn, twin = pair(rng, x, axis, np.float32)
    in_float64(twin, bn)
    ours, exact = our_pass(bn, x, dy), pytorchs_pass(twin, x.astype(np.float64), dy.astype(np.float64), axis)
    with np.errstate(over="ignore"):
        exact["running_var"] = exact["running_var"].astype(np.float32)  # infinite where float32 ends
    units = {"dx": 1 / scale, "dgamma": 20, "dbeta": 20, "running_mean": scale}
    assert_same(ours, exact, 2e-5, units)
    assert np.isfinite(ours["y"]).all()


@pytest.mark.parametrize("scale", [1e100, 1e150, 1e200, 1e300])
def test_huge_values_in_float64(rng, scale):
    """From 1e155 on the variance is infinite, and y is β."""
    x, dy = batch(rng, (60, 3), offset=scale, spread=scale)
    bn, twin = pair(rng, x)
    units = {"dx": 1 / scale, "dgamma": 10, "dbeta": 10, "running_mean": scale}
    assert_same(our_pass(bn, x, dy), pytorchs_pass(twin, x, dy), 1e-10, units)


def test_large_float16(rng):
    x = rng.uniform(-65504, 65504, (500, 3)).astype(np.float16)
    dy = rng.normal(size=x.shape).astype(np.float16)
    bn, twin = pair(rng, x, dtype=np.float32)
    units = {"dgamma": 20, "dbeta": 20, "running_mean": 4e4}
    assert_same(our_pass(bn, x, dy), pytorchs_pass(twin, x, dy), 4e-3, units)


@modes
def test_subnormal_numbers(rng, training):
    x = (rng.normal(size=(60, 3)) * 1e-40).astype(np.float32)
    dy = (rng.normal(size=x.shape) * 1e-40).astype(np.float32)
    bn, twin = pair(rng, x, dtype=np.float32)
    in_float64(twin, bn).train(training)
    ours = our_pass(bn.train(training), x, dy)
    exact = pytorchs_pass(twin, x.astype(np.float64), dy.astype(np.float64))
    assert_same(ours, exact, 1e-5, {"dx": 1e-36, "dgamma": 1e-39, "dbeta": 1e-39})


# NaN and infinity


def kinds(array):
    """0 for a finite number, else which of NaN, inf and −inf it is."""
    return np.select([np.isnan(array), np.isposinf(array), np.isneginf(array)], [1, 2, 3])


def assert_same_kinds(ours, pytorchs):
    for name in ours:
        np.testing.assert_array_equal(kinds(ours[name]), kinds(pytorchs[name]), err_msg=name)


NOT_FINITE = {
    "NaN": [np.nan],
    "inf": [np.inf],
    "-inf": [-np.inf],
    "inf and -inf": [np.inf, -np.inf],
    "inf and NaN": [np.inf, np.nan],
    "inf twice": [np.inf, np.inf],
}


@modes
@layouts
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("values", NOT_FINITE)
def test_not_finite_x_as_in_pytorch(rng, values, dtype, shape, axis, training):
    """Which results are NaN, inf or −inf is PyTorch's to say; the channels beside are not touched."""
    x, dy = batch(rng, shape, axis, dtype)
    spoiled = x.copy()
    one_channel = np.moveaxis(spoiled, axis, 0)[1]  # a view
    one_channel.flat[5 : 5 + len(NOT_FINITE[values])] = NOT_FINITE[values]
    bn, twin = pair(rng, x, axis, dtype)
    clean, _ = pair(rng, x, axis, dtype)
    clean.load_state_dict(bn.state_dict())
    for layer in (bn, clean, twin):
        layer.train(training)
    ours, pytorchs = our_pass(bn, spoiled, dy), pytorchs_pass(twin, spoiled, dy, axis)
    assert not np.isfinite(ours["y"]).all(), "the spoiled values have reached the layer"
    assert_same_kinds(ours, pytorchs)
    for name, expected in our_pass(clean, x, dy).items():
        if name != "num_batches_tracked":
            channels = 0 if expected.ndim == 1 else axis
            mine, theirs = (np.delete(a, 1, channels) for a in (ours[name], expected))
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4, err_msg=name)


@modes
@pytest.mark.parametrize("values", NOT_FINITE)
@pytest.mark.parametrize("row", [0, 7, 15, 38])
def test_not_finite_dy_as_in_pytorch(rng, values, row, training):
    x, dy = batch(rng, (40, 3), dtype=np.float32)
    dy[row : row + len(NOT_FINITE[values]), 1] = NOT_FINITE[values]
    bn, twin = pair(rng, x, dtype=np.float32)
    bn.train(training), twin.train(training)
    assert_same_kinds(our_pass(bn, x, dy), pytorchs_pass(twin, x, dy))


# An infinite γ is left out: what PyTorch returns then depends on the order of x in memory.
STRANGE = list(product(["bias", "running_mean", "running_var"], [np.nan, np.inf, -np.inf]))
STRANGE += [("weight", np.nan), ("weight", 0.0), ("running_var", 0.0), ("running_var", -2.0)]


@modes
@pytest.mark.parametrize(("entry", "value"), STRANGE)
def test_a_strange_state_as_in_pytorch(rng, entry, value, training):
    x, dy = batch(rng, (40, 3), dtype=np.float32)
    bn, twin = pair(rng, x, dtype=np.float32)
    getattr(bn, bn.STATE[entry])[1] = value
    twin.load_state_dict(as_tensors(bn.state_dict()))
    bn.train(training), twin.train(training)
    assert_same_kinds(our_pass(bn, x, dy), pytorchs_pass(twin, x, dy))


def test_an_infinite_running_mean_stays_infinite(rng):
    bn, twin = BatchNorm(3), torch.nn.BatchNorm1d(3)
    spoiled, _ = batch(rng, (6, 3), dtype=np.float32)
    spoiled[2, 1] = np.inf
    for x in (spoiled, *(batch(rng, (6, 3), dtype=np.float32)[0] for _ in range(5))):
        bn(x), twin(torch.tensor(x))
        np.testing.assert_array_equal(kinds(bn.running_mean), kinds(twin.running_mean.numpy()))
        np.testing.assert_array_equal(kinds(bn.running_var), kinds(twin.running_var.numpy()))
    assert np.isposinf(bn.running_mean[1])


def test_no_floating_point_error_reaches_the_callers_settings(rng):
    """Also where the caller has asked NumPy to raise on everything that core silences."""
    x, dy = batch(rng, (40, 3), dtype=np.float32)
    x[3, 0], x[4, 1], x[:, 2] = np.nan, np.inf, 1e30
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        our_pass(BatchNorm(3), x, dy)
        assert np.geterr()["over"] == "raise"
