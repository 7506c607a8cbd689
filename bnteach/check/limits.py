"""Stops a learner's code when its time is over."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AGAIN = 0.05  # seconds until TimeUp is raised once more, should the code have caught it and gone on


class TimeUp(BaseException):
    """The time is over. Not an Exception, so that `except Exception` in the learner's code lets it pass."""


def time_limit(seconds: float) -> contextlib.AbstractContextManager[None]:
    """Raise TimeUp in the block after `seconds`. A single call into compiled code is not stopped."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    return (alarm if in_main_thread and hasattr(signal, "setitimer") else watchdog)(seconds)


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """By the system's timer, which wakes `time.sleep` too. Main thread of Linux and macOS only."""

    def ring(*about: Any) -> None:
        raise TimeUp

    handler = signal.signal(signal.SIGALRM, ring)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler or signal.SIG_DFL)


@contextmanager
def watchdog(seconds: float) -> Iterator[None]:
    """By a second thread that raises TimeUp in this one. Works everywhere."""
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
            with contextlib.suppress(TimeUp):
                over.set()
                watcher.join()
                for _ in range(1000):
                    pass
