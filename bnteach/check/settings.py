"""Keeps what a learner's code prints, and leaves everything around it as it was."""

from __future__ import annotations

import io
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import partial
from typing import Any
from unittest import mock

import numpy as np

CHARACTERS = 2000  # of what is printed


class Printed(io.StringIO):
    """Keeps the beginning of what is printed; a loop that prints for ever must not fill the memory."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, CHARACTERS - self.tell())])
        return len(text)


@contextmanager
def settings_kept() -> Iterator[None]:
    """Run a block without warnings, and put back what it may have set."""
    with np.errstate(), np.printoptions(), warnings.catch_warnings(), ExitStack() as back:
        warnings.simplefilter("ignore")
        for kept in (random_states, torch_settings, folder, figures):
            back.callback(kept())
        yield


@contextmanager
def kept_quiet() -> Iterator[Printed]:
    """Run a block that cannot print, nor wait for the keyboard. Gives what it printed."""
    printed = Printed()
    with redirect_stdout(printed), redirect_stderr(printed), mock.patch("builtins.input", no_input):
        yield printed


def no_input(*args: Any) -> str:
    raise EOFError("a check cannot answer input()")


def random_states() -> Callable[[], None]:
    of_numpy, own = np.random.get_state(), random.getstate()  # noqa: NPY002 (the learner may use it)
    return lambda: (np.random.set_state(of_numpy), random.setstate(own))  # noqa: NPY002


def torch_settings() -> Callable[[], None]:
    """Only where PyTorch is loaded; a check itself does not need it."""
    torch = sys.modules.get("torch")
    if torch is None:
        return lambda: None
    state, dtype = torch.get_rng_state(), torch.get_default_dtype()
    printing = dict(vars(torch._tensor_str.PRINT_OPTS))

    def put_back() -> None:
        torch.set_rng_state(state)
        torch.set_default_dtype(dtype)
        torch.set_printoptions(**printing)

    return put_back


def folder() -> Callable[[], None]:
    """The working directory may be gone; then there is none to go back to."""
    with suppress(OSError):
        return partial(go_back, os.getcwd())
    return lambda: None


def go_back(path: str) -> None:
    with suppress(OSError):
        os.chdir(path)


def figures() -> Callable[[], None]:
    """Those that are opened are closed again."""
    before = open_figures()
    return lambda: [sys.modules["matplotlib.pyplot"].close(number) for number in open_figures() - before]


def open_figures() -> set[int]:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return set(pyplot.get_fignums()) if pyplot else set()
