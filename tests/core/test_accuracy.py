"""Accuracy of the plain page and of the engine in float32, held against float64 on the same numbers.

The measure is the largest error over the root mean square of the result, in units of float32's eps.
It is at most 16: about what the last few roundings cost the largest of millions of values. The
reference is PyTorch in float64.
"""

import numpy as np
import pytest
import torch

import bnteach
from bnteach.core import fast, functional

EPS32 = float(np.finfo(np.float32).eps)
BOUND = 16
QUANTITIES = ("y", "dx", "dgamma", "dbeta")

implementations = pytest.mark.parametrize("core", [functional, fast], ids=["plain", "fast"])
ratios = pytest.mark.parametrize("ratio", [0, 1e2, 1e4], ids="mean/std={:g}".format)
shapes = pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((1999, 3), 1),
        ((4096, 256), 1),
        ((100_000, 3), 1),
        ((3, 300_007), 0),
        ((2, 3, 100_001), 1),
        ((16, 64, 7, 7), 1),
        ((8, 16, 56, 56), 1),
        ((8, 28, 28, 64), -1),
    ],
    ids=str,
)


def data(rng, shape, axis, ratio):
    """x with a mean of `ratio` and a spread around 1 in each channel, γ, β and dy; all float32."""
    one_a_channel = [1] * len(shape)
    one_a_channel[axis] = shape[axis]
    spread = rng.uniform(0.5, 2, one_a_channel)
    gamma, beta = rng.uniform(0.5, 2, shape[axis]), rng.normal(size=shape[axis])
    arrays = rng.normal(size=shape) * spread + ratio, gamma, beta, rng.normal(size=shape)
    return [a.astype(np.float32) for a in arrays]


def both_passes(core, x, gamma, beta, dy, axis):
    y, cache = core.batch_norm_forward(x, gamma, beta, channel_axis=axis)
    return dict(zip(QUANTITIES, (y, *core.batch_norm_backward(dy, cache)), strict=True))


def exact_passes(x, gamma, beta, dy, axis):
    """PyTorch in float64. Its channels are on axis 1."""
    x, dy = (torch.tensor(np.moveaxis(a, axis, 1).astype(np.float64)) for a in (x, dy))
    gamma, beta = (torch.tensor(a.astype(np.float64), requires_grad=True) for a in (gamma, beta))
    y = torch.nn.functional.batch_norm(x.requires_grad_(), None, None, gamma, beta, training=True)
    y.backward(dy)
    in_our_layout = (np.moveaxis(a.numpy(), 1, axis) for a in (y.detach(), x.grad))
    return dict(zip(QUANTITIES, (*in_our_layout, gamma.grad.numpy(), beta.grad.numpy()), strict=True))


def error(result, exact):
    return float(np.abs(result - exact).max() / np.sqrt((exact**2).mean()) / EPS32)


@implementations
@shapes
@ratios
def test_within_16_eps_of_float64(core, shape, axis, ratio, rng):
    arrays = data(rng, shape, axis, ratio)
    results, exact = both_passes(core, *arrays, axis), exact_passes(*arrays, axis)
    errors = {name: round(error(results[name], exact[name]), 1) for name in QUANTITIES}
    assert max(errors.values()) <= BOUND, errors


@implementations
@pytest.mark.parametrize("axis", [0, 1])
def test_mean_and_variance_to_the_last_digit(core, axis, rng):
    """They are finished in float64, so they are better than float32 can even say."""
    shape = (64, 10_001) if axis == 0 else (10_001, 64)
    x, gamma, beta, _ = data(rng, shape, axis, 1e4)
    _, cache = core.batch_norm_forward(x, gamma, beta, channel_axis=axis)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(cache.mean, exact.mean(axis=1 - axis), rtol=1e-10)
    np.testing.assert_allclose(cache.var, exact.var(axis=1 - axis), rtol=2 * EPS32)


NORMS = [
    (bnteach.LayerNorm, torch.nn.LayerNorm, (768,), (200, 768)),
    (bnteach.LayerNorm, torch.nn.LayerNorm, (17,), (2001, 17)),
    (bnteach.RMSNorm, torch.nn.RMSNorm, (768,), (200, 768)),
    (bnteach.GroupNorm, torch.nn.GroupNorm, (4, 12), (20, 12, 23, 24)),
    (bnteach.GroupNorm, torch.nn.GroupNorm, (1, 3), (2, 3, 100, 101)),
    (bnteach.InstanceNorm, torch.nn.InstanceNorm2d, (12,), (20, 12, 23, 24)),
]


@ratios
@pytest.mark.parametrize(("ours", "pytorchs", "options", "shape"), NORMS, ids=str)
def test_norms_within_16_eps_of_float64(page, ours, pytorchs, options, shape, ratio, rng):
    x, dy = ((rng.normal(size=shape) + offset).astype(np.float32) for offset in (ratio, 0))
    layer, twin = ours(*options), pytorchs(*options, dtype=torch.float64)
    results = dict(zip(QUANTITIES, (layer(x), *layer.backward(dy)), strict=True))
    exact_x = torch.tensor(x.astype(np.float64), requires_grad=True)
    if ours is bnteach.RMSNorm:
        twin.eps = EPS32
    y = twin(exact_x)
    y.backward(torch.tensor(dy.astype(np.float64)))
    exact = {"y": y.detach(), "dx": exact_x.grad}
    if getattr(twin, "weight", None) is not None:
        exact["dgamma"] = twin.weight.grad
    if getattr(twin, "bias", None) is not None:
        exact["dbeta"] = twin.bias.grad
    errors = {name: round(error(results[name], exact[name].numpy()), 1) for name in exact}
    assert max(errors.values()) <= BOUND, errors


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_plain_means_in_float32_break_the_bound(dtype, rng):
    """The test can fail: the textbook formulas do so in float32, and pass in float64."""
    x, gamma, beta, dy = data(rng, (100_000, 3), 1, 1e4)
    values = x.astype(dtype)
    centered = values - values.mean(axis=0)
    y = gamma * centered / np.sqrt((centered**2).mean(axis=0) + dtype(1e-5)) + beta
    assert (error(y, exact_passes(x, gamma, beta, dy, 1)["y"]) > BOUND) == (dtype is np.float32)
