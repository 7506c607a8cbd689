"""One seed is an anecdote: the same experiment over several seeds, with an interval."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from joblib import Parallel, delayed
from scipy import stats

from bnteach.training.progress import progress_bar

__all__ = ["SeedSummary", "over_seeds", "set_seed"]


def set_seed(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's global random numbers.

    The networks and the loop here have seeds of their own and do not need it. What draws from the global
    state does, for example `nn.Dropout`.

    Example:
        >>> set_seed(0)
        >>> first = torch.rand(2)
        >>> set_seed(0)
        >>> torch.equal(torch.rand(2), first)
        True
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the global state itself is what must be seeded
    torch.manual_seed(seed)


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


def over_seeds(
    function: Callable[[int], float | np.ndarray],
    seeds: Iterable[int] = range(5),
    *,
    n_jobs: int = 1,
    confidence: float = 0.95,
    progress: bool = True,
) -> SeedSummary:
    """Run `function(seed)` for every seed and summarise the results.

    A difference of two conditions is tighter when both are run inside `function` with the same seed and
    their difference is returned: what the seed alone changes then cancels.

    Args:
        function: takes a seed, returns a number or an array; always the same shape.
        seeds: at least two.
        n_jobs: processes, as in joblib; -1 for one a core. They pay from some ten seconds of work on, since
            each starts by importing PyTorch. The order of the results does not depend on it.
        confidence: of the interval.
        progress: show a bar on stderr.

    Returns:
        SeedSummary: values, mean, half_width, interval.

    Raises:
        ValueError: fewer than two seeds, or results of different shapes.

    Example:
        >>> summary = over_seeds(lambda seed: seed % 3, seeds=range(6), progress=False)
        >>> print(summary)
        1 ± 0.94 (95% interval, 6 seeds)

    Source: Student, "The Probable Error of a Mean", Biometrika 6, 1908.
    """
    seeds = list(seeds)
    if len(seeds) < 2:
        raise ValueError(f"seeds is {seeds}, expected at least two: one seed tells nothing about the spread")
    running = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(function)(seed) for seed in seeds)
    results = [np.asarray(r) for r in progress_bar(running, len(seeds), "seeds", progress)]
    shapes = {result.shape for result in results}
    if len(shapes) > 1:
        raise ValueError(f"function returned results of different shapes: {sorted(shapes)}")
    return SeedSummary(np.stack(results), confidence)
