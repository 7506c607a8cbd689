"""Runs a learner's code so that it ends, prints nothing, and leaves everything around it as it was."""

import ctypes
import io
import os
import random
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any
from unittest import mock

import numpy as np

CHARACTERS = 2000  # of what is printed
AGAIN = 0.05  # seconds until TimeUp is raised once more, should the code have caught it and gone on


class TimeUp(BaseException):
    """The time is over. Not an Exception, so that `except Exception` in the learner's code lets it pass."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeUp in the block after `seconds`, from a second thread: that works on every system, and in
    every thread. A single call into compiled code is not stopped."""
    thread, over = ctypes.c_ulong(threading.get_ident()), threading.Event()

    def watch() -> None:
        wait = seconds
        while not over.wait(wait):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TimeUp))
            wait = AGAIN

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        while watcher.is_alive():  # a TimeUp that is on its way arrives here
            with suppress(TimeUp):
                over.set()
                watcher.join()
                for _ in range(1000):
                    pass


class Printed(io.StringIO):
    """Keeps the beginning of what is printed; a loop that prints for ever must not fill the memory."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, CHARACTERS - self.tell())])
        return len(text)


@contextmanager
def kept_quiet() -> Iterator[Printed]:
    """Run a block that cannot print, nor wait for the keyboard. Gives what it printed."""
    printed = Printed()
    with redirect_stdout(printed), redirect_stderr(printed), mock.patch("builtins.input", no_input):
        yield printed


def no_input(*args: Any) -> str:
    raise EOFError("a check cannot answer input()")


@contextmanager
def settings_kept() -> Iterator[None]:
    """Run a block without warnings, and put back what it may have set."""
    with np.errstate(), np.printoptions(), warnings.catch_warnings(), ExitStack() as back:
        warnings.simplefilter("ignore")
        back.callback(random.setstate, random.getstate())
        back.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002 (the learner may use it)
        if torch := sys.modules.get("torch"):
            back.callback(torch.set_rng_state, torch.get_rng_state())
            back.callback(torch.set_default_dtype, torch.get_default_dtype())
            back.callback(torch.set_printoptions, **vars(torch._tensor_str.PRINT_OPTS))
        with suppress(OSError):  # the working directory may be gone
            back.callback(os.chdir, os.getcwd())
        back.callback(close_figures, but=open_figures())
        yield


def open_figures() -> set[int]:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return set(pyplot.get_fignums()) if pyplot else set()


def close_figures(but: set[int]) -> None:
    for number in open_figures() - but:
        sys.modules["matplotlib.pyplot"].close(number)
