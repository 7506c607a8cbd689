"""An experiment over seeds and over all combinations of its settings, one row for each run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from joblib import Parallel, delayed

from bnteach.training.loop import one_thread, progress_bar
from bnteach.training.table import Table

__all__ = ["combinations", "in_parallel", "run_seeds"]


def run_seeds(
    experiment: Callable[..., Mapping[str, Any] | float],
    seeds: Iterable[int] = range(5),
    n_jobs: int | None = None,
    *,
    progress: bool = True,
    description: str = "runs",
    **settings: Any,
) -> Table:
    """Run `experiment(seed, **setting)` for every seed and every combination of the settings.

    The runs are spread by joblib. So whoever has a cluster changes nothing but the backend:

        with joblib.parallel_config(backend="dask"):
            table = run_seeds(learn, range(100), batch_norm=[False, True])

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
        Table: a row for each run, with its settings, its seed and its results; seeds change fastest.

    Raises:
        ValueError: fewer than two seeds, or a setting without values.

    Example:
        >>> def experiment(seed, factor):
        ...     return {"product": factor * seed}
        >>> print(run_seeds(experiment, [1, 2], factor=[1, 10], progress=False))
        factor  seed  product
             1     1        1
             1     2        2
            10     1       10
            10     2       20
    """
    seeds = list(seeds)
    if len(seeds) < 2:
        raise ValueError(f"seeds is {seeds}, expected at least two: one seed tells nothing about the spread")
    values = {name: value if isinstance(value, list) else [value] for name, value in settings.items()}
    runs = combinations({**values, "seed": seeds})
    results = in_parallel(lambda run: experiment(**run), runs, n_jobs, progress, description)
    return Table({**run, **_named(result)} for run, result in zip(runs, results, strict=True))


def combinations(settings: Mapping[str, Sequence]) -> list[dict[str, Any]]:
    """Every combination of the settings' values; the last setting changes fastest.

    Raises:
        ValueError: a setting has no values.

    Example:
        >>> combinations({"a": [1, 2], "b": "x"})
        [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'x'}]
    """
    for name, values in settings.items():
        if len(list(values)) == 0:
            raise ValueError(f"{name} has no values, expected at least one")
    return [dict(zip(settings, values, strict=True)) for values in itertools.product(*settings.values())]


def in_parallel(
    function: Callable, items: Sequence, n_jobs: int | None, progress: bool, description: str
) -> list:
    """`[function(item) for item in items]`, spread by joblib's active backend, with a progress bar.

    Example:
        >>> in_parallel(abs, [-2, 1], n_jobs=1, progress=False, description="")
        [2, 1]
    """
    calls = (delayed(_alone)(function, item) for item in items)
    running = Parallel(n_jobs=n_jobs, return_as="generator")(calls)
    return list(progress_bar(running, len(items), description, progress))


def _alone(function: Callable, item):
    with one_thread():
        return function(item)


def _named(result) -> Mapping[str, Any]:
    return result if isinstance(result, Mapping) else {"result": result}
