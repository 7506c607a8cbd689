"""When two arrays are the same, to rounding."""

from __future__ import annotations

import numpy as np

# float32 arithmetic on the probes is within 1e-5 of float64; the mistakes of the catalogue are 1e-3 and more away.
ROUNDING = 1e-4


def same(found: np.ndarray, expected: np.ndarray, within: float = ROUNDING) -> bool:
    """True when the shapes agree, NaN and inf are in the same places, and the largest difference is small.

    Small is `within` times the root mean square of the expected values.

    >>> same(np.array([1.0, 2.0]), np.array([1.0, 2.00001])), same(np.array([1.0, 2.0]), np.array([1.0, 2.1]))
    (True, False)
    """
    return found.shape == expected.shape and off_by(found, expected) <= within


def off_by(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference over the root mean square of the expected values; inf when NaN or inf differ.

    >>> off_by(np.array([1.0, 2.2]), np.array([2.0, 2.0]))
    0.5
    """
    if found.size == 0:
        return 0.0
    finite = np.isfinite(expected)
    if (
        not np.array_equal(found[~finite], expected[~finite], equal_nan=True)
        or not np.isfinite(found[finite]).all()
    ):
        return np.inf
    if not finite.any():
        return 0.0
    found, expected = found[finite].astype(float), expected[finite].astype(float)
    scale = np.sqrt(np.mean(expected**2))
    return float(np.abs(found - expected).max() / (scale if scale > 1e-12 else 1.0))
