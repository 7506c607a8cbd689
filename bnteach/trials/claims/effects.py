"""Effects: functions of a seed that run an experiment twice, or along a sweep, and give one number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from bnteach.trials.claims.experiments import learn, learn_until

__all__ = ["RATES", "SCALES", "Effect", "fewest_steps", "highest_rate", "more", "single", "working_scales"]

Effect = Callable[[int], float]
Settings = Mapping[str, Any]
RATES = (0.1, 0.3, 1, 3, 10)
SCALES = (0.03, 0.1, 0.3, 1, 3, 10)
WORKS = 85  # percent of the test digits


def single(experiment: Callable, result: str, settings: Settings) -> Effect:
    """The result of one run."""
    return lambda seed: _run(experiment, seed, tuple(settings.items()))[result]


def more(experiment: Callable, result: str, first: Settings, second: Settings) -> Effect:
    """How much larger the result is with the first settings than with the second."""
    with_first, with_second = (single(experiment, result, settings) for settings in (first, second))
    return lambda seed: with_first(seed) - with_second(seed)


def highest_rate(settings: Settings) -> Effect:
    """The highest rate that works with BN over the highest without, in factors of ten."""

    def highest(seed: int, bn: bool) -> float:
        return max(rate for rate in RATES if _works(seed, learning_rate=rate, batch_norm=bn, **settings))

    return lambda seed: np.log10(highest(seed, True) / highest(seed, False))


def working_scales(settings: Settings) -> Effect:
    """How many more of the initial scales work with BN, at the rate 0.3."""

    def working(seed: int, bn: bool) -> int:
        fixed = {"learning_rate": 0.3, "batch_norm": bn, **settings}
        return sum(_works(seed, init_scale=scale, **fixed) for scale in SCALES)

    return lambda seed: working(seed, True) - working(seed, False)


def fewest_steps(settings: Settings) -> Effect:
    """Steps saved by BN on the way to 90 % in training, each network at its own best rate."""

    def fewest(seed: int, bn: bool) -> float:
        until = {"level": 90, "most": 300, "batch_norm": bn, **settings}
        return min(_steps(seed, {**until, "learning_rate": rate}) for rate in RATES[:-1])

    return lambda seed: fewest(seed, False) - fewest(seed, True)


def _steps(seed: int, settings: Settings) -> float:
    return _run(learn_until, seed, tuple(settings.items()))["steps"]


def _works(seed: int, **settings: Any) -> bool:
    return _run(learn, seed, (*settings.items(), ("steps", 110)))["accuracy"] > WORKS


@cache
def _run(experiment: Callable, seed: int, settings: tuple) -> Mapping[str, float]:
    return experiment(seed, **dict(settings))
