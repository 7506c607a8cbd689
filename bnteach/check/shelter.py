"""Keeps the kernel and later checks as they were, whatever a learner's code does to them."""

from __future__ import annotations

import io
import math
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

import numpy as np

import bnteach.core.functional
import bnteach.core.layers

GUARDED = (np, np.linalg, np.fft, math, bnteach, bnteach.core.functional, bnteach.core.layers)
AS_IMPORTED = [(module, dict(vars(module))) for module in GUARDED]
PRINTED_AT_MOST = 2000  # characters


class Printed(io.StringIO):
    """Keeps the beginning of what is printed; a loop that prints for ever must not fill the memory."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, PRINTED_AT_MOST - self.tell())])
        return len(text)


def put_back() -> list[str]:
    """Undo changes to NumPy, math and bnteach since they were imported; return the names that were changed."""
    changed = []
    for module, before in AS_IMPORTED:
        now = vars(module)
        for name, value in before.items():
            if name not in now or now[name] is not value:
                changed.append(f"{module.__name__}.{name}")
                setattr(module, name, value)
    return changed


@contextmanager
def shelter() -> Iterator[Printed]:
    """Run a block so that it cannot print into the cell, leave the kernel, or change NumPy's settings.

    Gives what the block printed. Changes to the attributes of modules are undone by `put_back`.
    """
    printed = Printed()
    state, errors = np.random.get_state(), np.geterr()
    stdin = sys.stdin
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(np.printoptions())
        stack.enter_context(redirect_stdout(printed))
        stack.enter_context(redirect_stderr(printed))
        stack.enter_context(no_exit())
        sys.stdin = io.StringIO()  # exit() of plain Python closes it
        try:
            yield printed
        finally:
            sys.stdin = stdin
            np.random.set_state(state)
            np.seterr(**errors)


@contextmanager
def no_exit() -> Iterator[None]:
    """Turn the ways to end a kernel into SystemExit, which the check catches."""
    system = sys.modules.get("IPython")
    shell = system.get_ipython() if system else None

    def leave(*args, **kwargs):
        raise SystemExit

    kept = os._exit
    os._exit = leave
    if shell is not None:
        shell.ask_exit = leave
    try:
        yield
    finally:
        os._exit = kept
        if shell is not None:
            del shell.ask_exit
