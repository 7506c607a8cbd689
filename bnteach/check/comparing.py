"""When two arrays are the same, to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

# float32 arithmetic on the probes is within 1e-5 of float64; the catalogue's mistakes are 1e-2 and more away.
ROUNDING = 1e-4

Values = dict[str, np.ndarray]


def same(found: np.ndarray, expected: np.ndarray, within: float = ROUNDING) -> bool:
    """True when the largest difference is small beside the root mean square of the expected values.

    >>> same(np.array([1.0, 2.0]), np.array([1.0, 2.00001])), same(np.array([1.0, 2.0]), np.array([1.0, 2.1]))
    (True, False)
    """
    return off_by(found, expected) <= within


def off_by(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference over the root mean square of the expected values.

    It is inf when the shapes differ, or NaN or inf are in other places.

    >>> off_by(np.array([1.0, 2.2]), np.array([2.0, 2.0]))
    0.5
    """
    if found.shape != expected.shape:
        return np.inf
    finite = np.isfinite(expected)
    if not finite.all():
        if not np.array_equal(found[~finite], expected[~finite], equal_nan=True):
            return np.inf
        found, expected = found[finite], expected[finite]
    if not np.isfinite(found).all():
        return np.inf
    if not expected.size:
        return 0.0
    found, expected = found.astype(float), expected.astype(float)
    with np.errstate(over="ignore"):
        scale = np.sqrt((expected**2).mean())
        return float(np.abs(found - expected).max() / (scale if scale > 1e-12 else 1.0))


def agree(first: Values, second: Values) -> bool:
    """True when both have the same quantities with the same values."""
    return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)


def is_right(seen: Any, expected: Values, within: float = ROUNDING) -> bool:
    """True when nothing failed and every quantity agrees."""
    return seen.failure is None and all(
        name in seen.values and same(seen.values[name], value, within) for name, value in expected.items()
    )
