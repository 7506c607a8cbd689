"""What a learner hands in and what it returns, made comparable; or words that say what is odd about it."""

import dis
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

# All that the bytecode of an empty function has, in Python 3.10 to 3.14.
EMPTY = {"RESUME", "NOP", "POP_TOP", "RETURN_VALUE", "LOAD_CONST", "RETURN_CONST"}


class OddAnswer(Exception):
    """What was returned cannot be compared with numbers; the message says why, to the learner."""


class NotWritten(OddAnswer):
    """A `...` of the exercise is still there."""


def as_array(name: str, value: Any) -> np.ndarray:
    """The returned value in float64, a copy; tensors and nested lists are taken for arrays."""
    if value is None:
        raise OddAnswer(f"{name} is None, expected an array. Is a `return` missing?")
    if value is ...:
        raise NotWritten(f"{name} is still `...`: it is not written yet.")
    try:
        array = np.array(plain(value))
    except ValueError:
        if isinstance(value, (list, tuple)):
            raise OddAnswer(f"{name} is a list whose rows differ in length, expected an array.") from None
        raise
    if array.dtype.kind not in "fiub":
        raise OddAnswer(f"{name} is {described(value)}, expected an array of real numbers.")
    return array.astype(np.float64)


def plain(value: Any) -> Any:
    """Tensors as arrays, also those in lists."""
    if callable(getattr(value, "detach", None)):
        return value.detach().cpu().numpy()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def unpacked(names: tuple[str, ...], value: Any) -> list[Any]:
    """What a function returned, as one value for each name. Raises OddAnswer when the number is not right."""
    if value is None:
        raise OddAnswer(f"Your function returns None, expected {', '.join(names)}. Is a `return` missing?")
    how_many = f"{len(names)} values" if len(names) > 1 else "one"
    wanted = f"expected {how_many}: {', '.join(names)}."
    if value is ... or (len(names) == 1 and not isinstance(value, tuple)):
        return [value] * len(names)
    rows = plain(value)
    if isinstance(rows, np.ndarray) and rows.shape[:1] == (len(names),):
        return list(rows)
    if not isinstance(value, (tuple, list)):
        raise OddAnswer(f"Your function returns {described(value)}, {wanted}")
    if len(names) == 1 or len(value) != len(names):
        in_tuple = "a tuple of " * (len(value) == len(names))  # a comma behind a single value
        given = f"{in_tuple}{len(value)} value{'s' * (len(value) != 1)}"
        raise OddAnswer(f"Your function returns {given}, {wanted}")
    return list(value)


def described(value: Any) -> str:
    """A value in a few words: its type, and shape and dtype if it has them."""
    name = "array" if isinstance(value, np.ndarray) else type(value).__name__
    about = f" of shape {value.shape} and dtype {value.dtype}" if isinstance(value, np.ndarray) else ""
    return f"a{'n' * (name[0] in 'aeiouAEIOU')} {name}{about}"


def is_blank(answer: Any) -> bool:
    """True for None, `...`, an empty function, and a class with nothing but an `__init__`."""
    if isinstance(answer, type):
        methods = [member for member in vars(answer).values() if isinstance(member, FunctionType)]
        return answer.__base__ is object and all(is_blank(m) for m in methods if m.__name__ != "__init__")
    code = getattr(answer, "__code__", None)
    if code is None:
        return answer is None or answer is ...
    return all(
        step.opname in EMPTY and ("CONST" not in step.opname or step.argval in (None, ..., answer.__doc__))
        for step in dis.get_instructions(code)
    )


def as_function(answer: Callable[..., Any], takes: tuple[str, ...]) -> Callable[..., Any]:
    """The learner's function, made to say in plain words when it cannot be called with these arguments."""

    def call(*values: Any) -> Any:
        try:
            mine = inspect.signature(answer)
            mine.bind(*values)
        except TypeError:
            many = f"{len(takes)} argument{'s' * (len(takes) > 1)}"
            given = f"The check calls it with {many}: {', '.join(takes)}."
            raise OddAnswer(f"Your function takes {mine}. {given}") from None
        except ValueError:  # a function written in C may have no signature
            pass
        return answer(*values)

    return call
