"""Student's t, for the intervals of lesson 07."""

from __future__ import annotations


def student_t(share: float, degrees: int) -> float:
    """The value below which Student's t lies with this probability.

    >>> round(student_t(0.975, 4), 2)
    2.78
    """
    from scipy import stats  # here, for it takes a while to load

    return float(stats.t.ppf(share, degrees))
