"""Finite differences and relative error; and the law of BN tests: which upstream gradient finds what."""

from functools import partial

import numpy as np
import pytest
import torch

from beside_torch import batch
from bnteach import batch_norm_backward, batch_norm_forward, finite_differences, relative_error

GAMMA, BETA = np.array([1.5, 0.7, 2.0]), np.array([0.3, -1.0, 0.8])


@pytest.mark.parametrize(("shape", "axis"), [((6, 3), 1), ((4, 3, 5), 1), ((2, 4, 5, 3), -1)])
def test_finite_differences_agree_with_backward(rng, shape, axis):
    x, dy = batch(rng, shape, axis)
    _, cache = batch_norm_forward(x, GAMMA, BETA, 0.01, axis)
    arguments = {"x": x, "gamma": GAMMA, "beta": BETA}

    def y_with(name, value):
        return batch_norm_forward(**(arguments | {name: value}), eps=0.01, channel_axis=axis)[0]

    for name, analytic in zip(arguments, batch_norm_backward(dy, cache), strict=True):
        measured = finite_differences(partial(y_with, name), arguments[name], dy)
        assert relative_error(measured, analytic) < 1e-7, name


def test_finite_differences_agree_with_autograd(rng):
    x, dy = batch(rng, (4, 3))
    tensor = torch.tensor(x, requires_grad=True)
    torch.tanh(tensor @ tensor.T).backward(torch.tensor(dy @ dy.T))
    measured = finite_differences(lambda a: np.tanh(a @ a.T), x, dy @ dy.T)
    np.testing.assert_allclose(measured, tensor.grad, rtol=1e-6, atol=1e-8)


def wrong_backward(dy, x, *, through_mean=True, through_var=True, gamma=GAMMA):
    """dx of batch norm with a path left out."""
    inv_std = 1 / np.sqrt(x.var(axis=0) + 0.01)
    x_hat = (x - x.mean(axis=0)) * inv_std
    inner = dy - through_mean * dy.mean(axis=0) - through_var * x_hat * (dy * x_hat).mean(axis=0)
    return gamma * inv_std * inner


NO_MEAN, NO_VAR = {"through_mean": False}, {"through_var": False}
NEITHER, NO_GAMMA = NO_MEAN | NO_VAR, {"gamma": 1.0}


def error_found(rng, upstream, wrong, n=8):
    """By how much a check with this upstream gradient finds the wrong dx to be off, beside its usual size."""
    x, random = batch(rng, (n, 3))
    x_hat = (x - x.mean(axis=0)) / x.std(axis=0)
    dy = {"random": random, "all ones": np.ones_like(x), "½Σy²": x_hat}[upstream]
    measured = finite_differences(lambda a: batch_norm_forward(a, GAMMA, BETA, 0.01)[0], x, dy)
    usual_size = (GAMMA / x.std(axis=0)).max() * np.sqrt(np.mean(dy**2))
    return np.abs(wrong_backward(dy, x, **wrong) - measured).max() / usual_size


@pytest.mark.parametrize("wrong", [NO_MEAN, NO_VAR, NEITHER, NO_GAMMA], ids=str)
def test_a_random_upstream_finds_each_mistake(rng, wrong):
    assert error_found(rng, "random", {}) < 1e-6, "what is right passes"
    assert error_found(rng, "random", wrong) > 0.02


@pytest.mark.parametrize(
    ("upstream", "wrong"), [("all ones", NO_VAR), ("all ones", NO_GAMMA), ("½Σy²", NO_MEAN)], ids=str
)
def test_a_regular_upstream_is_blind(rng, upstream, wrong):
    """The law of BN tests. (½Σy² is that of x̂ here: γ = 1, β = 0, as a layer begins.)"""
    assert error_found(rng, upstream, wrong) < 1e-6


def test_two_samples_are_blind_to_a_forgotten_factor(rng):
    """With N = 2 x̂ is +1 and −1 whatever x is, so dx is nearly 0, and so is half of it or double."""
    assert error_found(rng, "random", NO_GAMMA, n=2) < 0.02 < error_found(rng, "random", NO_GAMMA, n=8)


def test_x_is_left_as_it_was(rng):
    x, dy = batch(rng, (4, 3))
    x.flags.writeable = False
    kept = x.copy()

    def spoils_its_argument(a):
        a *= 2
        return a

    np.testing.assert_allclose(finite_differences(spoils_its_argument, x, dy), 2 * dy, rtol=1e-9)
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": np.ones((2, 3), int)}, TypeError, "x has dtype int64, expected float16"),
        ({"dy": np.ones((2, 3), bool)}, TypeError, "dy has dtype bool, expected float16"),
        (
            {"dy": np.ones((3, 2))},
            ValueError,
            r"dy has shape \(3, 2\), expected \(2, 3\): the shape of f",
        ),
        ({"h": 0}, ValueError, "h is 0, expected a number above 0"),
        ({"h": "small"}, TypeError, "h is 'small', expected a real number"),
    ],
)
def test_what_finite_differences_refuse(arguments, error, message):
    with pytest.raises(error, match=message):
        finite_differences(**({"f": np.sin, "x": np.ones((2, 3)), "dy": np.ones((2, 3))} | arguments))


def test_relative_error_measures_against_the_whole(rng):
    expected = rng.normal(size=(50, 3))
    assert relative_error(expected, expected) == 0
    assert relative_error(expected + 0.01, expected) == pytest.approx(0.01 / np.sqrt(np.mean(expected**2)))
    assert relative_error(1000 * expected + 10, 1000 * expected) == pytest.approx(
        relative_error(expected + 0.01, expected)
    )


def test_relative_error_at_its_edges():
    assert relative_error(np.array([0.25]), np.zeros(1)) == 0.25
    assert relative_error(np.empty((0, 3)), np.empty((0, 3))) == 0
    assert np.isnan(relative_error(np.array([np.nan, 1]), np.ones(2)))
    with pytest.raises(ValueError, match=r"actual has shape \(2,\), expected \(3,\)"):
        relative_error(np.ones(2), np.ones(3))
