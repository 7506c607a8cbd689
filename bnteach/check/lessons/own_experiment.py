"""An experiment of one's own: whatever is changed in it, its trial must be one that can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..answers import OddAnswer, described, unpacked
from ..checking import Check
from .first_fault import Facts, judged_by

NOT_TO_BE_BELIEVED = """
    > 00_meet_batch_normalization: Build it, and try five seeds

    not_reproducible: what is random does not come from the seed
        fault = "not_reproducible"
        | Then nobody can repeat a run. Make every random number, and the weights, from the seed.

    seed_unused: the seed is not used in both runs
        fault = "seed_unused"
        | Then five seeds are one run, shown five times. Pass on the seed that your function is given, twice.

    nothing_changed: the two runs are the same one
        fault = "nothing_changed"
        | The change does not reach the second number. Was it made on a copy, or after the measurement?
"""


# Seeds -> the mistakes that they can show.
SHOWS = [([0], ()), ([0, 0], ("not_reproducible",)), ([0, 1, 2], ("nothing_changed", "seed_unused"))]


def facts(answer: Any, inputs: Mapping[str, Any]) -> Facts:
    runs = [two_numbers(answer(seed), inputs["of_shares"]) for seed in inputs["seeds"]]
    before, after = zip(*runs, strict=True)
    holds = {
        "not_reproducible": len(set(runs)) == 1,
        "nothing_changed": before != after,
        "seed_unused": min(len(set(before)), len(set(after))) > 1,
    }
    return ((name, holds[name]) for name in inputs["asks"])


def two_numbers(value: Any, of_shares: bool = False) -> tuple[float, float]:
    """What one trial returned. Raises OddAnswer for anything but two finite numbers, or two shares."""
    pair = unpacked(("before", "after"), value)
    for name, number in zip(("before", "after"), pair, strict=True):
        try:
            is_number = np.isfinite(float(number))
        except (TypeError, ValueError):
            is_number = False
        if not is_number:
            given = number if isinstance(number, float) else described(number)
            raise OddAnswer(f"{name} is {given}, expected a number, one for each seed.")
        if of_shares and not 0 <= number <= 1:
            raise OddAnswer(f"{name} is {float(number):g}, expected a share, from 0 to 1.")
    return float(pair[0]), float(pair[1])


def experiment(
    name: str, hints: tuple[str, str, str], lesson: tuple[str, str], of_shares: bool = False
) -> Check:
    """The check of an experiment: a function of a seed that returns two numbers, before and after.

    of_shares: both are shares, from 0 to 1.
    """
    return judged_by(
        facts,
        NOT_TO_BE_BELIEVED,
        probes=lambda rng: [{"seeds": seeds, "asks": asks, "of_shares": of_shares} for seeds, asks in SHOWS],
        name=name,
        takes=("seed",),
        hints=hints,
        lesson=lesson,
    )
