"""Keeps what a learner's code prints, and leaves everything around it as it was."""

from __future__ import annotations

import contextlib
import io
import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any
from unittest import mock

import numpy as np

CHARACTERS = 2000  # of what is printed


class Printed(io.StringIO):
    """Keeps the beginning of what is printed; a loop that prints for ever must not fill the memory."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, CHARACTERS - self.tell())])
        return len(text)

    def close(self) -> None:
        """Stay open: what was printed is still to be read."""


@contextmanager
def settings_kept() -> Iterator[None]:
    """Run a block without warnings, and put back what it may have set.

    That is: NumPy's error handling, print options and random state, Python's and PyTorch's random state,
    PyTorch's default dtype and print options, the working directory, and open figures.
    """
    with ExitStack() as stack:
        for kept in (np.errstate(), np.printoptions(), warnings.catch_warnings(), random_state_kept()):
            stack.enter_context(kept)
        for kept in (torch_kept(), folder_kept(), figures_kept()):
            stack.enter_context(kept)
        warnings.simplefilter("ignore")
        yield


@contextmanager
def kept_quiet() -> Iterator[Printed]:
    """Run a block that cannot print, nor wait for the keyboard. Gives what it printed."""
    printed = Printed()
    with redirect_stdout(printed), redirect_stderr(printed), mock.patch("builtins.input", no_input):
        yield printed


@contextmanager
def random_state_kept() -> Iterator[None]:
    old, own = np.random.get_state(), random.getstate()  # noqa: NPY002 (the learner may use it)
    try:
        yield
    finally:
        np.random.set_state(old)  # noqa: NPY002
        random.setstate(own)


@contextmanager
def torch_kept() -> Iterator[None]:
    """Only where PyTorch is loaded; a check itself does not need it."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    state, dtype = torch.get_rng_state(), torch.get_default_dtype()
    printing = dict(vars(torch._tensor_str.PRINT_OPTS))
    try:
        yield
    finally:
        torch.set_rng_state(state)
        torch.set_default_dtype(dtype)
        torch.set_printoptions(**printing)


@contextmanager
def folder_kept() -> Iterator[None]:
    """The working directory may be gone; then there is none to go back to."""
    try:
        folder = os.getcwd()
    except OSError:
        folder = None
    try:
        yield
    finally:
        if folder is not None:
            with contextlib.suppress(OSError):
                os.chdir(folder)


@contextmanager
def figures_kept() -> Iterator[None]:
    """Close the figures that the block opened."""
    before = open_figures()
    try:
        yield
    finally:
        for number in set(open_figures()) - set(before):
            sys.modules["matplotlib.pyplot"].close(number)


def open_figures() -> list[int]:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return pyplot.get_fignums() if pyplot else []


def no_input(*args: Any) -> str:
    """In the place of input(), which would wait for the learner for ever."""
    raise EOFError("a check cannot answer input()")
