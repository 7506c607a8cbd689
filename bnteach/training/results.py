"""Results over seeds, from a DataFrame with a row for each run: intervals, paired differences, curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

__all__ = ["SeedSummary", "along", "paired_difference", "summarize"]


@dataclass(frozen=True)
class SeedSummary:
    """Results of one experiment over several seeds.

    Attributes:
        values: one result for each seed, (seeds, ...): numbers, or arrays of one shape such as loss curves.
        confidence: of the interval, for example 0.95.

    Example:
        >>> print(SeedSummary(np.array([4.0, 5, 6])))
        5 ± 2.5 (95% interval, 3 seeds)

    Source: Student, "The Probable Error of a Mean", Biometrika 6, 1908.
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
        t = stats.t.ppf((1 + self.confidence) / 2, df=len(self.values) - 1)
        return t * stats.sem(self.values)

    @property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end of the confidence interval of the mean."""
        return self.mean - self.half_width, self.mean + self.half_width

    def __str__(self) -> str:
        if self.values.ndim > 1:
            return f"{len(self.values)} seeds, results of shape {self.values.shape[1:]}"
        basis = f"{self.confidence:.0%} interval, {len(self.values)} seeds"
        return f"{self.mean:.4g} ± {self.half_width:.2g} ({basis})"


def summarize(runs: pd.DataFrame, result: str, **values: Any) -> SeedSummary:
    """A result over the seeds, of the runs in which each of these settings has this value.

    Args:
        runs: a row for each run, as `run_seeds` returns it.
        result: the name of a column; it may hold arrays of one shape.
        values: settings, such as `batch_norm=True`.

    Raises:
        ValueError: there is no such column or no such run, or a seed has more than one.

    Example:
        >>> runs = pd.DataFrame({"rate": r, "seed": s, "loss": s / r} for r in (1, 2) for s in (3, 4))
        >>> print(summarize(runs, "loss", rate=1))
        3.5 ± 6.4 (95% interval, 2 seeds)
    """
    return SeedSummary(np.stack(list(_by_seed(runs, result, values))))


def paired_difference(runs: pd.DataFrame, result: str, **values: Any) -> SeedSummary:
    """How much larger a result is with one value of a setting than with another, seed by seed.

    What surprises: what the seed alone changes is in both and cancels. So the interval is tighter than that
    of two means.

    Args:
        runs, result: as in `summarize`.
        values: one setting with its two values, such as `batch_norm=(True, False)` for with − without; others
            with one, as in `summarize`.

    Raises:
        ValueError: not exactly one setting has two values, or the two have not the same seeds; else as in
            `summarize`.

    Example:
        >>> runs = pd.DataFrame({"bn": b, "seed": s, "loss": s - b} for b in (0, 1) for s in range(5))
        >>> paired_difference(runs, "loss", bn=(1, 0)).values
        array([-1, -1, -1, -1, -1])
    """
    pairs = {name: value for name, value in values.items() if isinstance(value, tuple) and len(value) == 2}
    if len(pairs) != 1:
        raise ValueError(
            f"the settings are {values}, expected one with a pair of values, as in bn=(True, False)"
        )
    ((setting, pair),) = pairs.items()
    first, second = (_by_seed(runs, result, {**values, setting: value}) for value in pair)
    if set(first.index) != set(second.index):
        raise ValueError(f"the seeds of {setting}={pair[0]!r} and of {setting}={pair[1]!r} differ")
    return SeedSummary(np.stack(list(first - second)))


def along(runs: pd.DataFrame, setting: str, result: str, **values: Any) -> tuple[list, SeedSummary]:
    """A result against a setting: the setting's values (k,), and the summary of curves (seeds, k).

    Example:
        >>> runs = pd.DataFrame({"rate": r, "seed": s, "loss": s / r} for r in (1, 2) for s in (3, 4))
        >>> rates, losses = along(runs, "rate", "loss")
        >>> rates, losses.mean
        ([1, 2], array([3.5 , 1.75]))
    """
    chosen = _where(runs, values)
    places = _column(chosen, setting).unique().tolist()
    curves = [summarize(chosen, result, **{setting: place}).values for place in places]
    return places, SeedSummary(np.stack(curves, axis=1))


def _where(runs: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame:
    for name, value in values.items():
        runs = runs[[here == value for here in _column(runs, name)]]
    if runs.empty:
        raise ValueError(f"no run has {', '.join(f'{name}={value!r}' for name, value in values.items())}")
    return runs


def _by_seed(runs: pd.DataFrame, result: str, values: Mapping[str, Any]) -> pd.Series:
    chosen = _where(runs, values)
    if not _column(chosen, "seed").is_unique:
        settings = chosen.columns[: chosen.columns.get_loc("seed")]
        varied = ", ".join(name for name in settings if chosen[name].nunique() > 1)
        raise ValueError(f"a seed has several runs; say which, by a value for one of: {varied}")
    return _column(chosen, result).set_axis(chosen["seed"])


def _column(runs: pd.DataFrame, name: str) -> pd.Series:
    if name not in runs.columns:
        raise ValueError(f"there is no column {name!r}; the columns are {', '.join(runs.columns)}")
    return runs[name]
