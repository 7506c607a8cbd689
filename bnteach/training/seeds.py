"""One seed is an anecdote: the same experiment over several seeds, with an interval."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import numpy as np
import torch

from bnteach.training.runs import in_parallel
from bnteach.training.summary import SeedSummary

__all__ = ["over_seeds", "set_seed"]


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


def over_seeds(
    function: Callable[[int], float | np.ndarray],
    seeds: Iterable[int] = range(5),
    *,
    n_jobs: int | None = None,
    confidence: float = 0.95,
    progress: bool = True,
) -> SeedSummary:
    """Run `function(seed)` for every seed and summarize the results.

    A difference of two conditions is tighter when both are run inside `function` with the same seed and
    their difference is returned: what the seed alone changes then cancels.

    Args:
        function: takes a seed, returns a number or an array; always the same shape.
        seeds: at least two.
        n_jobs: processes, as in joblib; -1 for one a core; None is one, or what `joblib.parallel_config`
            says. They pay from some ten seconds of work on, since each starts by importing PyTorch. The order
            of the results does not depend on it.
        confidence: of the interval.
        progress: show a bar.

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
    results = [np.asarray(result) for result in in_parallel(function, seeds, n_jobs, progress, "seeds")]
    shapes = {result.shape for result in results}
    if len(shapes) > 1:
        raise ValueError(f"function returned results of different shapes: {sorted(shapes)}")
    return SeedSummary(np.stack(results), confidence)
