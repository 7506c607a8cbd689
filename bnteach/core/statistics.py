"""Mean and variance of a batch: three ways to compute them, and how two batches become one.

Each function works in the precision of x and does no more than its formula says: here one can see what
rounding does to each. (functional.py takes the care that a layer needs.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bnteach.core import arguments


class Moments(NamedTuple):
    """What is known of a batch once its values are gone: count, mean and sum of squared deviations.

    Args:
        count: m, how many values each channel has.
        mean: shape (C,).
        squared_deviations: Σ(x − mean)², shape (C,). Called M2 in the literature.

    >>> Moments(count=3, mean=np.array([3.0]), squared_deviations=np.array([14.0])).variance(ddof=1)
    array([7.])
    """

    count: int
    mean: np.ndarray
    squared_deviations: np.ndarray

    def variance(self, ddof: int = 0) -> np.ndarray:
        """Σ(x − mean)² / (count − ddof), shape (C,).

        ddof=0 is the biased variance, which BN normalizes with; ddof=1 the unbiased one, which it stores.

        Raises:
            ValueError: count − ddof is not above 0.

        >>> two_pass_moments(np.array([[1.0], [2.0], [6.0]])).variance(ddof=1)
        array([7.])
        """
        if self.count - ddof <= 0:
            raise ValueError(f"ddof is {ddof}, expected less than the count of {self.count}")
        return self.squared_deviations / (self.count - ddof)


def _values(x, channel_axis: int) -> np.ndarray:
    """x as (m, C), with at least one value a channel."""
    x = arguments.batch("x", x)
    values = np.moveaxis(x, arguments.axis_of(x, channel_axis), -1).reshape(-1, x.shape[channel_axis])
    if len(values) == 0:
        raise ValueError(f"x has shape {x.shape}, expected at least one value per channel")
    return values


def naive_moments(x: np.ndarray, channel_axis: int = 1) -> Moments:
    """In one pass, from the sums of x and of x²: Σ(x − μ)² = Σx² − m·μ².

    What surprises: where the mean is large beside the spread, two large and nearly equal numbers are
    subtracted. Their rounding errors stay, the digits do not. The result may even be negative.

    Args:
        x: at least 2 axes; float16, float32 or float64. Sums are kept in this precision.
        channel_axis: the axis of x that counts the channels.

    Returns:
        Moments, with arrays of shape (C,).

    Raises:
        TypeError, ValueError: x is of another dtype, or empty, or has no such axis.

    >>> naive_moments(np.array([[1.0], [2.0], [6.0]]))
    Moments(count=3, mean=array([3.]), squared_deviations=array([14.]))

    Source: Chan, Golub & LeVeque 1983, "Algorithms for Computing the Sample Variance":
        the "textbook" algorithm.
    """
    values = _values(x, channel_axis)
    m = len(values)
    mean = values.sum(axis=0) / values.dtype.type(m)
    return Moments(m, mean, (values * values).sum(axis=0) - values.dtype.type(m) * mean * mean)


def two_pass_moments(x: np.ndarray, channel_axis: int = 1) -> Moments:
    """First the mean, then Σ(x − mean)²: the definition.

    What surprises: it needs the values twice, so it cannot work on a stream. In exchange only small
    numbers are squared, and the result is never negative.

    Args, returns, raises: as `naive_moments`.

    >>> two_pass_moments(np.array([[1.0], [2.0], [6.0]]))
    Moments(count=3, mean=array([3.]), squared_deviations=array([14.]))

    Source: Chan, Golub & LeVeque 1983, the "two-pass" algorithm.
    """
    values = _values(x, channel_axis)
    mean = values.mean(axis=0, dtype=values.dtype)
    return Moments(len(values), mean, ((values - mean) ** 2).sum(axis=0))


def welford_moments(x: np.ndarray, channel_axis: int = 1) -> Moments:
    """One value at a time, keeping mean and Σ(x − mean)² up to date.

        mean_k = mean_{k−1} + (x_k − mean_{k−1}) / k
        M2_k   = M2_{k−1}   + (x_k − mean_{k−1})·(x_k − mean_k)

    What surprises: the two differences are not the same; one uses the old mean and one the new.
    It sees each value once, like the naive way, and yet only small numbers are multiplied.

    Args, returns, raises: as `naive_moments`.

    >>> welford_moments(np.array([[1.0], [2.0], [6.0]]))
    Moments(count=3, mean=array([3.]), squared_deviations=array([14.]))

    Source: Welford 1962, "Note on a Method for Calculating Corrected Sums of Squares and Products".
    """
    values = _values(x, channel_axis)
    mean, squared_deviations = np.zeros_like(values[0]), np.zeros_like(values[0])
    for k, value in enumerate(values, start=1):
        before = value - mean
        mean = mean + before / values.dtype.type(k)
        squared_deviations = squared_deviations + before * (value - mean)
    return Moments(len(values), mean, squared_deviations)


def merge_moments(a: Moments, b: Moments) -> Moments:
    """The moments of two batches together, without their values.

        m = m_a + m_b     δ = mean_b − mean_a
        mean = mean_a + δ·m_b/m     M2 = M2_a + M2_b + δ²·m_a·m_b/m

    What surprises: the variances alone are not enough. Where the means differ, the last term is what
    an average of the two variances would forget. Across devices BN does this.

    Args:
        a, b: Moments over the same channels.

    Returns:
        Moments of the union.

    Raises:
        ValueError: a and b have different numbers of channels.

    >>> a = two_pass_moments(np.array([[1.0], [2.0]]))
    >>> b = two_pass_moments(np.array([[6.0]]))
    >>> merge_moments(a, b).variance(ddof=1)
    array([7.])

    Source: Chan, Golub & LeVeque 1983, the formula to combine two samples.
    """
    if np.shape(a.mean) != np.shape(b.mean):
        raise ValueError(f"b has means of shape {np.shape(b.mean)}, expected {np.shape(a.mean)} as in a")
    m = a.count + b.count
    delta = b.mean - a.mean
    share_of_b = b.count / max(1, m)  # a device may have had no sample at all
    squared_deviations = a.squared_deviations + b.squared_deviations + delta**2 * (a.count * share_of_b)
    return Moments(m, a.mean + delta * share_of_b, squared_deviations)
