"""Mean and variance of a batch: three ways, what rounding does to each, and how two batches become one."""

import statistics
from functools import reduce

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from beside_torch import batch
from bnteach import Moments, merge_moments, naive_moments, two_pass_moments, welford_moments

WAYS = [naive_moments, two_pass_moments, welford_moments]
ways = pytest.mark.parametrize("way", WAYS)
LAYOUTS = [
    ((7, 4), 1),
    ((4, 7), 0),
    ((5, 3, 4), -1),
    ((4, 3, 5, 6), 1),
    ((4, 5, 6, 3), -1),
    ((3, 4, 2, 5, 6), 1),
]


@ways
@pytest.mark.parametrize(("shape", "axis"), LAYOUTS)
@pytest.mark.parametrize("ddof", [0, 1])
def test_as_numpy_and_pytorch(rng, way, shape, axis, ddof):
    x, _ = batch(rng, shape, axis)
    moments = way(x, axis)
    others = tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    var, mean = torch.var_mean(torch.tensor(x), dim=others, correction=ddof)
    assert moments.count == x.size // x.shape[axis]
    np.testing.assert_allclose(moments.mean, mean, rtol=1e-11)
    np.testing.assert_allclose(moments.variance(ddof), var, rtol=1e-11)
    np.testing.assert_allclose(moments.variance(ddof), np.var(x, axis=others, ddof=ddof), rtol=1e-11)


@ways
def test_as_the_standard_library_in_exact_fractions(rng, way):
    x, _ = batch(rng, (9, 1))
    values = x.ravel().tolist()
    assert way(x).variance(0)[0] == pytest.approx(statistics.pvariance(values), rel=1e-12)
    assert way(x).variance(1)[0] == pytest.approx(statistics.variance(values), rel=1e-12)


@ways
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_precision_of_x_is_kept(rng, way, dtype):
    x, _ = batch(rng, (6, 3), dtype=dtype)
    moments = way(x)
    assert moments.mean.dtype == moments.squared_deviations.dtype == moments.variance(1).dtype == dtype
    np.testing.assert_allclose(moments.mean, x.astype(float).mean(axis=0), rtol=20 * np.finfo(dtype).eps)


@ways
def test_one_value_has_no_spread(way):
    moments = way(np.array([[3.0, 5.0]]))
    assert moments.count == 1
    np.testing.assert_array_equal(moments.mean, [3, 5])
    np.testing.assert_array_equal(moments.variance(), [0, 0])


def test_the_naive_variance_in_float32_is_even_negative(rng):
    """Mean 10⁴, spread 1: of 200 batches of 60 values, by each way, against float64."""
    x = (1e4 + rng.normal(size=(60, 200))).astype(np.float32)
    exact = x.astype(np.float64).var(axis=0)
    naive, two_pass, welford = (way(x).variance() for way in WAYS)
    assert (naive < 0).any()
    assert np.median(np.abs(naive / exact - 1)) > 1, "as a rule not one digit is right"
    assert np.abs(two_pass / exact - 1).max() < 1e-3
    assert np.abs(welford / exact - 1).max() < 1e-2
    assert min(two_pass.min(), welford.min()) > 0


def test_inputs_are_not_modified(rng):
    x, _ = batch(rng, (6, 3))
    x.flags.writeable = False
    kept = x.copy()
    a, b = two_pass_moments(x[:2]), welford_moments(x[2:])
    parts = [value.copy() for value in (*a[1:], *b[1:])]
    merge_moments(a, b)
    naive_moments(x)
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal((*a[1:], *b[1:]), parts)


# Merging


@st.composite
def batches_in_pieces(draw):
    sizes = draw(st.lists(st.integers(1, 30), min_size=1, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    offset, spread = draw(st.sampled_from([0.0, 10.0, 1000.0])), draw(st.sampled_from([0.01, 1.0, 100.0]))
    return [offset * rng.uniform(-1, 1) + spread * rng.normal(size=(size, 3)) for size in sizes]


@given(batches_in_pieces(), st.sampled_from(WAYS[1:]))
def test_merged_pieces_are_the_whole(pieces, way):
    """However the batch is cut, in whatever order the pieces come."""
    whole = np.concatenate(pieces)
    size = np.abs(whole).max()
    for order in (pieces, pieces[::-1]):
        merged = reduce(merge_moments, map(way, order))
        assert merged.count == len(whole)
        np.testing.assert_allclose(merged.mean, whole.mean(axis=0), rtol=1e-10, atol=1e-12 * size)
        np.testing.assert_allclose(merged.variance(), whole.var(axis=0), rtol=1e-9, atol=1e-13 * size**2)


def test_one_piece_may_be_an_empty_device(rng):
    """A device without a sample has the moments (0, 0, 0), and changes nothing."""
    a = two_pass_moments(batch(rng, (6, 3))[0])
    nothing = Moments(0, np.zeros(3), np.zeros(3))
    for merged in (merge_moments(a, nothing), merge_moments(nothing, a)):
        assert merged.count == 6
        np.testing.assert_allclose(merged.mean, a.mean)
        np.testing.assert_allclose(merged.squared_deviations, a.squared_deviations)
    assert merge_moments(nothing, nothing).count == 0


def test_the_average_of_the_variances_is_not_the_variance(rng):
    a, b = (two_pass_moments(offset + rng.normal(size=(50, 3))) for offset in (0, 10))
    average = (a.variance() + b.variance()) / 2
    assert (merge_moments(a, b).variance() > 10 * average).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: two_pass_moments(np.empty((0, 3))),
            ValueError,
            r"x has shape \(0, 3\), expected at least one",
        ),
        (lambda: naive_moments(np.ones(3)), ValueError, r"x has shape \(3,\), expected at least 2 axes"),
        (lambda: welford_moments(np.ones((2, 3), int)), TypeError, "x has dtype int64, expected float16"),
        (lambda: naive_moments(np.ones((2, 3)), 2), ValueError, "channel_axis is 2, expected -2 to 1"),
        (
            lambda: two_pass_moments(np.ones((1, 3))).variance(1),
            ValueError,
            "ddof is 1, expected less than",
        ),
        (
            lambda: merge_moments(two_pass_moments(np.ones((2, 3))), two_pass_moments(np.ones((2, 4)))),
            ValueError,
            r"b has means of shape \(4,\), expected \(3,\) as in a",
        ),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
