"""Runs a learner's code on a probe, and brings back what it computed or how it failed."""

import copy
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .answers import as_array
from .comparing import ROUNDING, Values, agree, same
from .failures import failed
from .shelter import kept_quiet, time_limit

SECONDS = 5.0  # for all that a check runs of a learner's code
AT_LEAST = 0.1
FATAL = ("time", "exit", "recursion")  # not worth a second run, nor a search for mistakes

Probe = dict[str, Any]
Trial = Callable[[Any, Mapping[str, Any]], Iterable[tuple[str, Any]]]  # gives (name, value) pairs


@dataclass
class Observed:
    """What a learner's code did on one probe."""

    values: Values = field(default_factory=dict)  # in the order in which they came
    failure: str | None = None  # why it stopped, as a word of failures.KINDS
    words: str = ""  # the failure, to the learner
    error: str = ""  # type of the exception, if one was raised
    modified: tuple[str, ...] = ()  # names of the inputs that it changed
    printed: str = ""

    def fail(self, error: BaseException) -> None:
        self.failure, self.words = failed(error, SECONDS)
        self.error = type(error).__name__

    def has(self, values: Values, within: float = ROUNDING) -> bool:
        """True when nothing failed and these values came."""
        return self.failure is None and agree(self.values, values, within)


class Runs:
    """Runs one answer on probes, as often as wanted, all within SECONDS."""

    def __init__(self, trial: Trial, answer: Any) -> None:
        self.trial, self.answer = trial, answer
        self.end = time.monotonic() + SECONDS

    def on(self, probes: list[Probe]) -> list[Observed]:
        """What the answer does on each probe. After a run that had to be stopped there is no other."""
        seen: list[Observed] = []
        for probe in probes:
            if seen and seen[-1].failure in FATAL:
                seen.append(replace(seen[-1], values={}))
            else:
                left = max(self.end - time.monotonic(), AT_LEAST)
                seen.append(observe(self.trial, self.answer, probe, left))
        return seen


def observe(trial: Trial, answer: Any, inputs: Probe, seconds: float) -> Observed:
    """Run the trial on a copy of the inputs, and keep what came. Only Ctrl-C gets through."""
    seen, lent = Observed(), copy.deepcopy(inputs)
    with kept_quiet() as printed:
        try:
            with time_limit(seconds):
                collect(trial, answer, lent, seen.values)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the learner's code may raise anything
            seen.fail(error)
        seen.printed = printed.getvalue()
    seen.modified = tuple(name for name, value in inputs.items() if differ(lent[name], value))
    return seen


def rehearse(trial: Trial, answer: Any, inputs: Probe, like: Observed | None = None) -> Observed:
    """The same for an answer made from a recipe, which needs no shelter; up to the first value that is not as
    in `like`, where that is given."""
    seen = Observed()
    try:
        with np.errstate(all="ignore"):
            collect(trial, answer, copy.deepcopy(inputs), seen.values, like)
    except Exception as error:
        seen.fail(error)
    return seen


def collect(trial: Trial, answer: Any, inputs: Probe, values: Values, like: Observed | None = None) -> None:
    """Run the trial to its end, or to the first value that is another one; keep each value as it comes."""
    for name, value in trial(answer, inputs):
        values[name] = as_array(name, value)
        if like and not (name in like.values and same(like.values[name], values[name])):
            return


def differ(lent: Any, value: Any) -> bool:
    """True when an array, or one in a list, is no longer what it was."""
    if isinstance(value, (list, tuple)):
        return len(lent) != len(value) or any(map(differ, lent, value))
    return isinstance(value, np.ndarray) and not np.array_equal(lent, value, equal_nan=True)
