"""An experiment of one's own: whatever is changed in it, its trial must be one that can be believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..answers import OddAnswer, described, unpacked
from ..checking import Check
from ..running import Observed

# Name of a fact -> what to say where it does not hold.
NEEDED = {
    "same_seed_same_numbers": "Seed 0, called twice, gives different numbers.",
    "seeds_differ": "Before or after is the same number for the seeds 0, 1 and 2.",
    "the_change_shows": "Before and after are exactly equal, for the seeds 0, 1 and 2.",
}


def trial_of_one_seed(seed):
    rng = np.random.default_rng(seed)
    before = rng.normal()
    after = before + 1
    return before, after


NOT_TO_BE_BELIEVED = """
    > 00_meet_batch_normalization: Build it, and try five seeds

    not_reproducible: what is random does not come from the seed
        rng = np.random.default_rng()
        | Then nobody can repeat a run. Make every random number, and the weights, from the seed.

    seed_unused: the seed is not used in both runs
        rng = np.random.default_rng(0)
        | Then five seeds are one run, shown five times. Pass on the seed that your function is given, twice.

    nothing_changed: the two runs are the same one
        after = before
        | The change does not reach the second number. Was it made on a copy, or after the measurement?
"""


def try_out(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """1 for each fact that holds, 0 for one that does not."""
    seeds = inputs["seeds"]
    runs = [two_numbers(answer(seed)) for seed in seeds]
    is_one = len(set(seeds)) == 1
    yield "same_seed_same_numbers", int(not is_one or len(set(runs)) == 1)
    yield "seeds_differ", int(is_one or all(len(set(numbers)) > 1 for numbers in zip(*runs, strict=True)))
    yield "the_change_shows", int(is_one or any(before != after for before, after in runs))


def two_numbers(value: Any) -> tuple[float, float]:
    """What one trial returned. Raises OddAnswer for anything but two finite numbers."""
    pair = unpacked(("before", "after"), value)
    for name, number in zip(("before", "after"), pair, strict=True):
        try:
            is_number = np.isfinite(float(number))
        except (TypeError, ValueError):
            is_number = False
        if not is_number:
            given = number if isinstance(number, float) else described(number)
            raise OddAnswer(f"{name} is {given}, expected a number, one for each seed.")
    return float(pair[0]), float(pair[1])


def in_words(seen: list[Observed]) -> tuple[str, str]:
    """Which facts do not hold."""
    off = [words for name, words in NEEDED.items() if any(run.values.get(name, 1) == 0 for run in seen)]
    return " ".join(off), ""


def experiment(name: str, hints: tuple[str, str, str], lesson: tuple[str, str]) -> Check:
    """The check of an experiment: a function of a seed that returns two numbers, before and after."""
    return Check(
        trial_of_one_seed,
        lambda rng: [{"seeds": seeds} for seeds in ([0], [0, 0], [0, 1, 2])],
        name=name,
        trial=try_out,
        tell=in_words,
        has_slips=False,
        hints=hints,
        lesson=lesson,
        mistakes=(NOT_TO_BE_BELIEVED,),
    )
