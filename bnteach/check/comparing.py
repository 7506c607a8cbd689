"""When two arrays are the same, to rounding."""

import numpy as np

# float32 arithmetic on the probes is within 1e-5 of float64; mistakes are 1e-2 and more away.
ROUNDING = 1e-4
IMPRECISE = 0.03  # digits are lost, but the formula is right

Values = dict[str, np.ndarray]  # by the name of the quantity


def same(found: np.ndarray, expected: np.ndarray, within: float = ROUNDING) -> bool:
    """True when the largest difference is small beside the root mean square of the expected values. NaN and
    infinity must be in the same places."""
    if found.shape != expected.shape:
        return False
    finite = np.isfinite(expected)
    if not finite.all():
        if not np.array_equal(found[~finite], expected[~finite], equal_nan=True):
            return False
        found, expected = found[finite], expected[finite]
    peak = np.abs(expected).max(initial=0.0)
    scale = peak * np.sqrt(np.mean((expected / peak) ** 2)) if peak > 1e-12 else 1.0
    return bool(np.all(np.abs(found / scale - expected / scale) <= within))


def is_reshaped(found: np.ndarray, expected: np.ndarray) -> bool:
    """True when the numbers are right, in their order, and only the shape is not."""
    has_other_shape = found.shape != expected.shape and found.size == expected.size
    return has_other_shape and same(found.reshape(expected.shape), expected)


def alike(first: Values, second: Values, within: float = ROUNDING) -> set[str]:
    """The quantities that both have, with the same values."""
    return {name for name in first.keys() & second.keys() if same(first[name], second[name], within)}


def agree(first: Values, second: Values, within: float = ROUNDING) -> bool:
    """True when both have the same quantities with the same values."""
    return first.keys() == second.keys() == alike(first, second, within)
