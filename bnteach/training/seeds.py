"""One seed is an anecdote: the same experiment over several seeds and over combinations of its settings."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from bnteach.training.loop import one_thread, progress_bar
from bnteach.training.results import SeedSummary

__all__ = ["over_seeds", "run_seeds"]


def run_seeds(
    experiment: Callable[..., Mapping[str, Any] | float],
    seeds: Iterable[int] = range(5),
    n_jobs: int | None = None,
    *,
    progress: bool = True,
    description: str = "runs",
    **settings: Any,
) -> pd.DataFrame:
    """Run `experiment(seed, **setting)` for every seed and every combination of the settings.

    The runs are spread by joblib. So whoever has a cluster changes nothing but the backend:

        with joblib.parallel_config(backend="dask"):
            runs = run_seeds(learn, range(100), batch_norm=[False, True])

    What surprises: `n_jobs=None` leaves the number to joblib: one, or what `parallel_config` says. New
    processes begin by importing PyTorch, some seconds each; they are kept for the next call. Each run has one
    thread.

    Args:
        experiment: takes a seed and the settings by name, returns named results, or one number ("result").
        seeds: at least two.
        n_jobs: processes, as in joblib; -1 for one a core. The results do not depend on it.
        progress: show a bar.
        description: the words before the bar.
        settings: for each setting a list of the values to try; anything but a list is one value.

    Returns:
        pandas.DataFrame: a row for each run, with its settings, its seed and its results; seeds change
        fastest. `summarize`, `paired_difference` and `along` take it.

    Raises:
        ValueError: fewer than two seeds, or a setting without values.

    Example:
        >>> def experiment(seed, factor):
        ...     return {"product": factor * seed}
        >>> print(run_seeds(experiment, [1, 2], factor=[1, 10], progress=False))
           factor  seed  product
        0       1     1        1
        1       1     2        2
        2      10     1       10
        3      10     2       20
    """
    values = {name: value if isinstance(value, list) else [value] for name, value in settings.items()}
    runs = _combinations({**values, "seed": _several(seeds)})
    results = _in_parallel(lambda run: experiment(**run), runs, n_jobs, progress, description)
    return pd.DataFrame({**run, **_named(result)} for run, result in zip(runs, results, strict=True))


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
        seeds, n_jobs, progress: as in `run_seeds`.
        confidence: of the interval.

    Returns:
        SeedSummary: values, mean, half_width, interval.

    Raises:
        ValueError: fewer than two seeds, or results of different shapes.

    Example:
        >>> summary = over_seeds(lambda seed: seed % 3, seeds=range(6), progress=False)
        >>> print(summary)
        1 ± 0.94 (95% interval, 6 seeds)
    """
    results = [np.asarray(r) for r in _in_parallel(function, _several(seeds), n_jobs, progress, "seeds")]
    shapes = {result.shape for result in results}
    if len(shapes) > 1:
        raise ValueError(f"function returned results of different shapes: {sorted(shapes)}")
    return SeedSummary(np.stack(results), confidence)


def _several(seeds: Iterable[int]) -> list[int]:
    seeds = list(seeds)
    if len(seeds) < 2:
        raise ValueError(f"seeds is {seeds}, expected at least two: one seed tells nothing about the spread")
    return seeds


def _combinations(settings: Mapping[str, Sequence]) -> list[dict[str, Any]]:
    """Every combination of the settings' values; the last setting changes fastest."""
    for name, values in settings.items():
        if not values:
            raise ValueError(f"{name} has no values, expected at least one")
    return [dict(zip(settings, values, strict=True)) for values in itertools.product(*settings.values())]


def _in_parallel(function: Callable, items: Sequence, n_jobs: int | None, progress: bool, words: str) -> list:
    """`[function(item) for item in items]`, spread by joblib's active backend, with a progress bar."""
    calls = (delayed(_alone)(function, item) for item in items)
    running = Parallel(n_jobs=n_jobs, return_as="generator")(calls)
    return list(progress_bar(running, len(items), words, progress))


def _alone(function: Callable, item):
    with one_thread():
        return function(item)


def _named(result) -> Mapping[str, Any]:
    return result if isinstance(result, Mapping) else {"result": result}
