"""Inputs and values in words and numbers that a student can read."""

from typing import Any

import numpy as np

from .comparing import same
from .evidence import Evidence
from .running import Probe

READABLE = 24  # values; a larger array is told by its shape
LARGE = 1e6  # from here on a whole number is no count


def example(evidence: Evidence) -> tuple[str, ...]:
    """The first wrong quantity of the first probe: inputs, what was expected, what came."""
    inputs, expected, seen = evidence.runs[0]
    for name, right in expected.items():
        found = seen.values.get(name)
        if found is not None and not same(found, right):
            shown = [assigned(f"  {key}", value) for key, value in readable(inputs)]
            both = [assigned(f"expected {name}", right), assigned(f"yours    {name}", found)]
            return ("\n".join(["For", *shown, *both]),)
    return ()


def readable(probe: Probe) -> list[tuple[str, Any]]:
    """The inputs that can be shown: no functions."""
    return [(name, value) for name, value in probe.items() if not callable(value)]


def assigned(name: str, value: Any) -> str:
    """A line such as `eps = 0.5`, or several for an array, with the columns one below the other."""
    return f"{name} = {numbers(value, start=len(name) + 3)}"


def numbers(value: Any, start: int = 0) -> str:
    """A number or an array, in decimals where that is readable. `start`: column of the first character."""
    if isinstance(value, float):
        return np.format_float_positional(value, precision=4, fractional=False, trim="0")
    if not isinstance(value, np.ndarray):
        return repr(value).replace("\n", "")[:100]
    if value.size > READABLE:
        return f"an array of shape {value.shape}"
    places = enough_places(value)
    if value.dtype != bool:
        value = value.astype(int) if is_whole(value) else np.round(value, places) + 0.0  # no −0
    style = {"precision": places, "floatmode": "maxprec_equal", "suppress_small": True, "separator": ", "}
    lines = np.array2string(value, max_line_width=1000, prefix=" " * start, **style)
    return "\n".join(line for line in lines.split("\n") if line.strip())


def is_whole(value: np.ndarray) -> bool:
    """True for indices and counts, and for inputs that are as easy to read."""
    return bool(np.all(np.abs(value) < LARGE) and np.all(value == np.round(value)))


def enough_places(value: np.ndarray) -> int:
    """Decimal places that show five digits: what differs by less is right."""
    largest = np.abs(value).max(initial=0.0, where=np.isfinite(value))
    return int(np.clip(4 - np.floor(np.log10(largest or 1)), 1, 9))


def shapes(probe: Probe) -> str:
    """The shapes of a probe's arrays and its other values."""
    others = [(name, value) for name, value in readable(probe) if not isinstance(value, np.ndarray)]
    return ", ".join([*grouped(probe), *(f"{name} = {numbers(value)}" for name, value in others)])


def grouped(probe: Probe) -> list[str]:
    """The arrays of a probe with their shapes; those of one shape together."""
    names: dict[tuple[int, ...], list[str]] = {}
    for name, value in probe.items():
        if isinstance(value, np.ndarray):
            names.setdefault(value.shape, []).append(name)
    return [f"{listed(together)} of shape {shape}" for shape, together in names.items()]


def listed(names: list[str]) -> str:
    """Names in a sentence."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
