"""Runs a learner's code on a probe, and brings back what it computed or how it failed."""

from __future__ import annotations

import linecache
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .answers import OddAnswer, as_array
from .limits import TimeUp, memory_limit, time_limit
from .shelter import put_back, shelter

OWN = str(Path(__file__).parent)
LIBRARIES = (
    "site-packages",
    "dist-packages",
    "<frozen",
    str(Path(np.__file__).parents[1]),
    sys.base_prefix + "/lib",
)


@dataclass
class Observed:
    """What a learner's code did on one probe.

    values: name of a quantity -> the array it computed, in the order in which they came.
    failure: why it stopped before the end, as a word ("raised", "odd", "time", "memory", "exit",
        "recursion", "not written"), or None.
    words: the failure in words for the learner.
    error: type of the exception, if one was raised.
    modified: names of the inputs that it changed.
    printed, repaired: what it printed; names in NumPy and other modules that it had replaced.
    """

    values: dict[str, np.ndarray] = field(default_factory=dict)
    failure: str | None = None
    words: str = ""
    error: str = ""
    modified: tuple[str, ...] = ()
    printed: str = ""
    repaired: tuple[str, ...] = ()


Trial = Callable[[Any, Mapping[str, Any]], Iterable[tuple[str, Any]]]


def observe(trial: Trial, answer: Any, inputs: Mapping[str, Any], seconds: float) -> Observed:
    """Run `trial(answer, inputs)`, which gives (name, value) pairs, and keep what came. Never raises,
    but for KeyboardInterrupt, so that Ctrl-C and the kernel's stop button work.

    The inputs are copied first: the learner's code never sees the arrays of the check.
    """
    seen = Observed()
    lent = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in inputs.items()}
    seen.repaired = tuple(put_back())
    try:
        with shelter() as printed, memory_limit(), time_limit(seconds):
            for name, value in trial(answer, lent):
                seen.values[name] = as_array(name, value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the learner's code may raise anything
        seen.failure, seen.words = failed(error, seconds)
        seen.error = type(error).__name__
    finally:
        seen.repaired += tuple(put_back())
    seen.printed = printed.getvalue()
    seen.modified = tuple(
        name
        for name, value in inputs.items()
        if isinstance(value, np.ndarray) and not np.array_equal(lent[name], value, equal_nan=True)
    )
    return seen


def failed(error: BaseException, seconds: float) -> tuple[str, str]:
    """The kind of a failure, and the failure in words."""
    if isinstance(error, OddAnswer):
        return "odd", str(error)
    if isinstance(error, NotImplementedError):
        return "not written", f"Not written yet{at(error)}."
    if isinstance(error, TimeUp):
        return "time", f"Stopped after {seconds:.0f} seconds{at(error)}. Is there a loop that never ends?"
    if isinstance(error, RecursionError):
        return "recursion", f"Your function calls itself without end{at(error)}."
    if isinstance(error, MemoryError):
        return "memory", f"Your code asks for more memory than it may have{at(error)}."
    if isinstance(error, SystemExit):
        return "exit", f"Your code ends the kernel with exit(){at(error)}. Return a value instead."
    message = str(error).strip()
    return "raised", f"{type(error).__name__}{': ' + message if message else ''}{at(error)}."


def at(error: BaseException) -> str:
    """The learner's own line at which it happened, as words; empty when there is none."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(OWN) and not any(part in frame.filename for part in LIBRARIES)
    ]
    if not frames:
        return ""
    line = linecache.getline(frames[-1].filename, frames[-1].lineno).strip()
    return f", at line {frames[-1].lineno} of the cell: {line}" if line else ""
