"""A counter-example in numbers that a student can read."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..comparing import same
from ..running import Observed, Probe, Values

READABLE = 24  # values; a larger array is told by its shape


def example(probes: list[Probe], expected: list[Values], seen: list[Observed]) -> tuple[str, ...]:
    """The first wrong quantity of the first probe: inputs, what was expected, what came."""
    for name, right in expected[0].items():
        found = seen[0].values.get(name)
        if found is not None and not same(found, right):
            inputs = [assigned(key, value) for key, value in probes[0].items()]
            places = enough_places(found, right)
            both = [
                assigned(f"{word} {name}", v, places)
                for word, v in (("expected", right), ("yours   ", found))
            ]
            return ("\n".join(["For", *(indented(line) for line in inputs), *both]),)
    return ()


def assigned(name: str, value: Any, places: int | None = None) -> str:
    """A line such as `eps = 0.5`, or several for an array, with the columns one below the other.

    >>> print(assigned("x", np.array([[1.0, 10.0], [2.5, 40.0]])))
    x = [[ 1.0, 10.0],
         [ 2.5, 40.0]]
    """
    return f"{name} = {numbers(value, places, start=len(name) + 3)}"


def indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))


def numbers(value: Any, places: int | None = None, start: int = 0) -> str:
    """A number or an array, in decimals where that is readable. `start`: column of the first character.

    >>> numbers(1e-5), numbers(0.5), numbers(np.array([0.25, 1.0]))
    ('0.00001', '0.5', '[0.25, 1.00]')
    """
    if not isinstance(value, np.ndarray):
        return f"{value:.4g}" if isinstance(value, float) and not 1e-6 < abs(value) < 1e6 else spelled(value)
    if value.size > READABLE:
        return f"an array of shape {value.shape}"
    value = value.astype(float)
    places = enough_places(value) if places is None else places
    texts = [one(v, places) for v in value.ravel()]
    width = max(map(len, texts), default=0)
    lines = np.array2string(
        value + 0.0,
        separator=", ",
        max_line_width=1000,
        formatter={"float_kind": lambda v: one(v, places).rjust(width)},
        prefix=" " * start,
    ).split("\n")
    return "\n".join(line for line in lines if line.strip())


def spelled(value: Any) -> str:
    """A number without an exponent; anything else as Python shows it, in a line.

    >>> spelled(0.00004), spelled(3.0), spelled((2, 1))
    ('0.00004', '3.0', '(2, 1)')
    """
    if isinstance(value, float):
        return np.format_float_positional(value, precision=4, fractional=False, trim="0")
    return repr(value).replace("\n", "")[:100]


def one(value: float, places: int) -> str:
    """A value with so many decimal places; with an exponent when `places` is -1."""
    if not np.isfinite(value):
        return str(value)
    return f"{value:.3e}" if places < 0 else f"{round(value, places) + 0.0:.{places}f}"


def enough_places(*arrays: np.ndarray) -> int:
    """Decimal places that show four digits, and also the difference of two arrays; -1: use an exponent.

    >>> enough_places(np.array([12.5, 1.25])), enough_places(np.array([1e-9]))
    (2, -1)
    """
    finite = np.concatenate([array[np.isfinite(array)].astype(float).ravel() for array in arrays])
    largest = np.abs(finite).max(initial=0.0)
    if largest and not 1e-6 < largest < 1e7:
        return -1
    wanted = 4 - digits_before(largest)
    if len(arrays) == 2 and arrays[0].shape == arrays[1].shape:
        apart = np.abs(arrays[0].astype(float) - arrays[1])
        wanted = max(wanted, 2 - digits_before(np.max(apart[np.isfinite(apart)], initial=0.0)))
    wanted = int(np.clip(wanted, 1, 9))
    while wanted > 1 and np.allclose(np.round(finite, wanted - 1), finite, rtol=0, atol=1e-12):
        wanted -= 1
    return wanted


def digits_before(value: float) -> int:
    """How many digits a number has before the point; 0.02 has -1."""
    return int(np.floor(np.log10(value))) + 1 if value else 1
