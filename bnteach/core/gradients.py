"""Checking a backward pass by changing one number at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnteach.core import arguments


def finite_differences(f: Callable, x: np.ndarray, dy: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """The gradient of Σ f(x)·dy with respect to x, measured: move each entry of x by ±h and look.

        ∂/∂x_i ≈ Σ (f(x + h·e_i) − f(x − h·e_i))·dy / (2h)

    What surprises: dy must be random. For BN an all-ones dy makes the true gradient 0, and a wrong
    backward pass agrees with that too. And x should be float64: in float32 the differences drown.

    Args:
        f: takes an array of the shape of x and returns an array of the shape of dy.
        x: where to measure; float64 is best. Left as it was.
        dy: the upstream gradient.
        h: the step, in the units of x. The error grows with h² above, and with 1/h below, the best h.

    Returns:
        An array of the shape of x, float64.

    Raises:
        TypeError: x or dy is not float16, float32 or float64.
        ValueError: h ≤ 0, or f(x) does not have the shape of dy.

    >>> finite_differences(lambda x: x**2, np.array([1.0, 3.0]), dy=np.array([1.0, 10.0])).round(6)
    array([ 2., 60.])
    """
    x = arguments.float_array("x", x).astype(np.float64)
    dy = arguments.float_array("dy", dy)
    if not arguments.real_number("h", h) > 0:
        raise ValueError(f"h is {h}, expected a number above 0")
    if np.shape(f(x.copy())) != dy.shape:
        raise ValueError(f"dy has shape {dy.shape}, expected {np.shape(f(x.copy()))}: the shape of f(x)")
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        gradient[i] = np.sum((f(up) - f(down)) * dy) / (2 * h)
    return gradient


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, measured against the root mean square of what is expected.

        max|actual − expected| / √mean(expected²)

    What surprises: it is not taken entry by entry. An entry that happens to be near 0 would make a
    sound result look wrong. Where all that is expected is 0, the largest difference itself is returned.

    Args:
        actual, expected: arrays of the same shape.

    Returns:
        A float; 0.0 for empty arrays, NaN where a NaN is in either.

    Raises:
        ValueError: the shapes differ.

    >>> relative_error(np.array([3.0, 4.1]), np.array([3.0, 4.0])).__round__(3)
    0.028
    """
    actual = arguments.any_array("actual", actual).astype(np.float64)
    expected = arguments.any_array("expected", expected).astype(np.float64)
    if actual.shape != expected.shape:
        raise ValueError(f"actual has shape {actual.shape}, expected {expected.shape}")
    if actual.size == 0:
        return 0.0
    difference = np.abs(actual - expected).max()
    size = np.sqrt(np.mean(expected**2))
    return float(difference / size if size else difference)
