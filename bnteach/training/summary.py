"""Results over several seeds: their mean, and an interval for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["SeedSummary"]


@dataclass(frozen=True)
class SeedSummary:
    """Results of one experiment over several seeds.

    Attributes:
        values: one result for each seed, (seeds, ...): numbers, or arrays of one shape such as loss curves.
        confidence: of the interval, for example 0.95.
    """

    values: np.ndarray
    confidence: float = 0.95

    @property
    def mean(self) -> np.ndarray:
        """The mean over the seeds; nan where a seed gave nan."""
        return self.values.mean(axis=0)

    @property
    def half_width(self) -> np.ndarray:
        """Half the interval's width, t · s / √n, with s the sample standard deviation (divided by n − 1).

        t is the quantile of Student's distribution with n − 1 degrees of freedom: 2.78 for five seeds at
        95 %, where the normal distribution's 1.96 would promise too much.
        """
        n = len(self.values)
        t = stats.t.ppf((1 + self.confidence) / 2, df=n - 1)
        return t * self.values.std(axis=0, ddof=1) / n**0.5

    @property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end of the confidence interval of the mean."""
        return self.mean - self.half_width, self.mean + self.half_width

    def __str__(self) -> str:
        if self.values.ndim > 1:
            return f"{len(self.values)} seeds, results of shape {self.values.shape[1:]}"
        basis = f"{self.confidence:.0%} interval, {len(self.values)} seeds"
        return f"{self.mean:.4g} ± {self.half_width:.2g} ({basis})"
