"""Stops a learner's code: when its time is over, or when the learner presses Ctrl-C.

Both arrive as exceptions in the middle of whatever is running. Each is raised only while one given function
is running, the one that calls the learner's code, so that what is put in order afterwards is never cut short.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

# The code may catch TimeUp, with a bare `except:` in a loop, say. So it is raised again and again: at first
# slowly, so that a `finally:` may end; then so often that it also strikes between the loop's own lines.
AGAIN, OFTEN, PATIENCE = 0.05, 0.0002, 5


class TimeUp(BaseException):
    """The time is over. Not an Exception, so that `except Exception` in the learner's code lets it pass."""


def is_running(code: CodeType, frame: FrameType | None) -> bool:
    """True when a call of the function with this code is on the stack that ends in `frame`."""
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame is not None


def in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def time_limit(seconds: float, code: CodeType) -> Iterator[None]:
    """Raise TimeUp while the function with this code is running, once the block has taken `seconds`.

    A single call into compiled code, such as `sum` of an endless iterator, is not interrupted.
    """
    limit = alarm if in_main_thread() and hasattr(signal, "setitimer") else watchdog
    with limit(seconds, code):
        yield


@contextmanager
def alarm(seconds: float, code: CodeType) -> Iterator[None]:
    """By the system's timer, which wakes `time.sleep` too. Main thread of Linux and macOS only."""
    rings = 0

    def ring(signum: int, frame: FrameType | None) -> None:
        nonlocal rings
        rings += 1
        if rings == PATIENCE:
            signal.setitimer(signal.ITIMER_REAL, OFTEN, OFTEN)
        if is_running(code, frame):
            raise TimeUp

    handler = signal.signal(signal.SIGALRM, ring)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler or signal.SIG_DFL)


@contextmanager
def watchdog(seconds: float, code: CodeType) -> Iterator[None]:
    """By a second thread that raises TimeUp in this one. Works everywhere."""
    thread, over = threading.get_ident(), threading.Event()

    def watch() -> None:
        wait, rings = seconds, 0
        while not over.wait(wait):
            rings += 1
            wait = AGAIN if rings < PATIENCE else 5 * OFTEN
            if is_running(code, sys._current_frames().get(thread)):
                raise_in(thread, TimeUp)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        with sleep_in_slices():
            yield
    finally:
        call_off(thread, over, watcher)


def raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Have an exception raised in a thread; None takes back one that has not arrived."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), None if error is None else ctypes.py_object(error)
    )


def call_off(thread: int, over: threading.Event, watcher: threading.Thread) -> None:
    """End the watch. A TimeUp that is already on its way may arrive meanwhile, once."""
    while True:
        try:
            over.set()
            watcher.join()
            raise_in(thread, None)
        except TimeUp:
            continue
        return


@contextmanager
def sleep_in_slices() -> Iterator[None]:
    """A sleeping thread notices an exception only when it wakes. So let `time.sleep` wake often."""
    sleep = time.sleep

    def slices(seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            sleep(min(left, AGAIN))

    time.sleep = slices
    try:
        yield
    finally:
        time.sleep = sleep


@contextmanager
def interrupts_wait(code: CodeType) -> Iterator[None]:
    """Let Ctrl-C through while the function with this code is running; else when the block ends."""
    handler = signal.getsignal(signal.SIGINT) if in_main_thread() else None
    if not callable(handler):
        yield
        return
    waiting = []

    def interrupt(signum: int, frame: FrameType | None) -> None:
        if is_running(code, frame):
            handler(signum, frame)
        else:
            waiting.append(signum)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    for signum in waiting:
        handler(signum, None)
