"""What a learner's code shows without being run: whether it is begun, and which names it uses."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

# All that the bytecode of an empty function has, in Python 3.10 to 3.14.
EMPTY = {"RESUME", "NOP", "POP_TOP", "RETURN_VALUE", "LOAD_CONST", "RETURN_CONST"}


def is_blank(answer: Any) -> bool:
    """True for None, `...`, an empty function, and a class with nothing but an `__init__`."""
    if isinstance(answer, type):
        own = [method for method in methods(answer) if method.__name__ != "__init__"]
        return answer.__base__ is object and all(map(is_blank, own))
    code = getattr(answer, "__code__", None)
    if code is None:
        return answer is None or answer is ...
    return all(
        step.opname in EMPTY and ("CONST" not in step.opname or step.argval in (None, ..., answer.__doc__))
        for step in dis.get_instructions(code)
    )


def names_used(answer: Any) -> set[str]:
    """The names in a function, in the functions within it, or in the methods of a class."""
    functions = methods(answer) if isinstance(answer, type) else [answer]
    codes = [code for function in functions if (code := getattr(function, "__code__", None))]
    return {name for code in codes for name in names_in_code(code)}


def methods(answer: type) -> list[FunctionType]:
    return [member for member in vars(answer).values() if isinstance(member, FunctionType)]


def names_in_code(code: CodeType) -> Iterator[str]:
    yield from (*code.co_varnames, *code.co_names, *code.co_freevars)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from names_in_code(inner)
