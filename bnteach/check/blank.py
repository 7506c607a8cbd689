"""Whether an exercise has been attempted at all."""

from __future__ import annotations

import dis
from types import FunctionType
from typing import Any

# All that the bytecode of an empty function has, in Python 3.10 to 3.14.
EMPTY = {"RESUME", "NOP", "POP_TOP", "RETURN_VALUE", "LOAD_CONST", "RETURN_CONST"}


def is_blank(answer: Any) -> bool:
    """True for None, `...`, an empty function, and a class with nothing written but perhaps its `__init__`.

    >>> def empty(x):
    ...     '''To be written.'''
    >>> is_blank(empty), is_blank(lambda x: ...), is_blank(lambda x: x)
    (True, True, False)
    """
    if isinstance(answer, type):
        own = {name: member for name, member in vars(answer).items() if isinstance(member, FunctionType)}
        own.pop("__init__", None)
        return answer.__base__ is object and all(map(is_blank, own.values()))
    code = getattr(answer, "__code__", None)
    if code is None:
        return answer is None or answer is ...
    return all(
        step.opname in EMPTY and ("CONST" not in step.opname or step.argval in (None, ..., answer.__doc__))
        for step in dis.get_instructions(code)
    )
