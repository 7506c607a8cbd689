"""Keeps the kernel and later checks as they were, whatever a learner's code does to them."""

from __future__ import annotations

import builtins
import io
import math
import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from itertools import repeat
from operator import is_not
from typing import Any

import numpy as np

import bnteach
from bnteach.core import functional, layers

CLASSES = [
    layer
    for layer in vars(layers).values()
    if isinstance(layer, type) and layer.__module__ == layers.__name__
]
GUARDED = (np, np.linalg, np.fft, np.random, math, bnteach, functional, layers, *CLASSES)
AS_IMPORTED = [(owner, dict(vars(owner))) for owner in GUARDED]
GONE = object()
CHARACTERS = 2000  # of what is printed


class Printed(io.StringIO):
    """Keeps the beginning of what is printed; a loop that prints for ever must not fill the memory."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, CHARACTERS - self.tell())])
        return len(text)

    def close(self) -> None:
        """Stay open: what was printed is still to be read."""


def put_back() -> list[str]:
    """Undo changes to NumPy, math and bnteach since they were imported; return the changed names."""
    changed = []
    for owner, before in AS_IMPORTED:
        now = vars(owner)
        if not any(map(is_not, map(now.get, before, repeat(GONE)), before.values())):
            continue  # nearly always, so this must be fast
        for name, value in before.items():
            if name not in now or now[name] is not value:
                changed.append(f"{owner.__name__}.{name}")
                setattr(owner, name, value)
    return changed


@contextmanager
def settings_kept() -> Iterator[None]:
    """Run a block without warnings, then set the random generators, NumPy's error handling and printing, the
    working directory, the environment variables and the recursion limit to what they were."""
    states = np.random.get_state(), random.getstate()  # noqa: NPY002 (the learner may use it)
    folder, environment, depth = os.getcwd(), dict(os.environ), sys.getrecursionlimit()
    with np.errstate(), np.printoptions(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            np.random.set_state(states[0])  # noqa: NPY002
            random.setstate(states[1])
            sys.setrecursionlimit(depth)
            if os.environ != environment:
                os.environ.clear()
                os.environ.update(environment)
            os.chdir(folder)


@contextmanager
def shelter() -> Iterator[Printed]:
    """Run a block that can neither print into the cell, nor wait for the keyboard, nor end the kernel.

    Gives what the block printed. Changes to the attributes of modules are undone by `put_back`.
    """
    printed = Printed()
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())  # the code may change the filters
        stack.enter_context(redirect_stdout(printed))
        stack.enter_context(redirect_stderr(printed))
        stack.enter_context(replaced(sys, "stdin", io.StringIO()))  # exit() of plain Python closes it
        stack.enter_context(replaced(sys, "breakpointhook", lambda *args, **kwargs: None))
        stack.enter_context(replaced(builtins, "input", no_input))
        for owner, name in ways_to_end():
            stack.enter_context(replaced(owner, name, leave))
        yield printed


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Another value for an attribute, for as long as the block runs."""
    own, kept = name in vars(owner), getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept) if own else delattr(owner, name)


def ways_to_end() -> list[tuple[Any, str]]:
    """What ends a process at once, and what IPython's exit() calls, in a shell that has it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return [(os, "_exit"), (os, "abort"), *([(shell, "ask_exit")] if hasattr(shell, "ask_exit") else [])]


def leave(*args: Any, **kwargs: Any) -> None:
    """In the place of what ends a kernel."""
    raise SystemExit


def no_input(*args: Any) -> str:
    """In the place of input(), which would wait for the learner for ever."""
    raise EOFError("a check cannot answer input()")
