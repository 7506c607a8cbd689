"""From what a learner's code returned to arrays of numbers, or to words that say what is odd about it."""

from __future__ import annotations

from typing import Any

import numpy as np


class OddAnswer(Exception):
    """What was returned cannot be compared with numbers; the message says why, to the learner."""


def as_array(name: str, value: Any) -> np.ndarray:
    """The returned value as an array of numbers, a copy.

    Tensors and nested lists are taken for the arrays that they hold. Raises OddAnswer for anything else.
    """
    if value is None:
        raise OddAnswer(f"{name} is None, expected an array. Is a `return` missing?")
    if callable(getattr(value, "detach", None)):
        value = value.detach().cpu().numpy()
    try:
        array = np.array(value)
    except ValueError:
        raise OddAnswer(
            f"{name} is a {type(value).__name__} whose rows differ in length, expected an array."
        ) from None
    if array.dtype.kind not in "fiub":
        raise OddAnswer(f"{name} is {described(value)}, expected an array of real numbers.")
    return array


def unpacked(names: tuple[str, ...], value: Any) -> list[Any]:
    """What a function returned, as one value for each name. Raises OddAnswer when the number is not right."""
    expected = f"expected {', '.join(names)}"
    if value is None:
        raise OddAnswer(f"Your function returns None, {expected}. Is a `return` missing?")
    if len(names) == 1:
        if isinstance(value, tuple):
            raise OddAnswer(f"Your function returns {len(value)} values, expected one: {names[0]}.")
        return [value]
    if not isinstance(value, (tuple, list)):
        raise OddAnswer(
            f"Your function returns {described(value)}, expected {len(names)} values: {', '.join(names)}."
        )
    if len(value) != len(names):
        raise OddAnswer(
            f"Your function returns {len(value)} values, expected {len(names)}: {', '.join(names)}."
        )
    return list(value)


def described(value: Any) -> str:
    """A value in a few words: its type, and shape and dtype if it has them."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    about = f" of shape {tuple(shape)} and dtype {dtype}" if shape is not None else ""
    return f"a {type(value).__name__}{about}"
