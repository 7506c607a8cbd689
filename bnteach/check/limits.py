"""Stops a learner's code: when its time is over, or when the learner presses Ctrl-C.

Both arrive as exceptions in the middle of whatever is running. Each is raised only while one given function
is running, the one that calls the learner's code, so that what is put in order afterward is never cut short.
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
from typing import Any

AGAIN = 0.05  # seconds until TimeUp is raised once more, should the code go on


class TimeUp(BaseException):
    """The time is over. Not an Exception, so that `except Exception` in the learner's code lets it pass.

    A bare `except:` catches it all the same, perhaps in a loop. So when it is made, and again when Python
    throws away what was caught, it sees to it that another one is raised at the next line.
    """

    code: CodeType  # of the function that is to be left

    def __init__(self) -> None:
        insist(type(self), sys._getframe(1))

    def __del__(self) -> None:
        insist(type(self), sys._getframe(1))


def insist(error: type[TimeUp], frame: FrameType | None) -> None:
    """Have an exception raised at the next line of each function from `frame` down to the one to be left."""
    if not is_running(error.code, frame):
        return

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename == __file__:
            return None
        if event == "line" and is_running(error.code, frame):
            raise error  # after which Python traces no longer
        return trace

    while frame is not None and frame.f_code is not error.code:
        frame.f_trace = trace
        frame = frame.f_back
    sys.settrace(trace)


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
    tracing = sys.gettrace()
    try:
        with limit(seconds, type("TimeUp", (TimeUp,), {"code": code})):
            yield
    finally:
        sys.settrace(tracing)


@contextmanager
def alarm(seconds: float, error: type[TimeUp]) -> Iterator[None]:
    """By the system's timer, which wakes `time.sleep` too. Main thread of Linux and macOS only."""

    def ring(signum: int, frame: FrameType | None) -> None:
        if is_running(error.code, frame):
            raise error

    handler = signal.signal(signal.SIGALRM, ring)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler or signal.SIG_DFL)


@contextmanager
def watchdog(seconds: float, error: type[TimeUp]) -> Iterator[None]:
    """By a second thread that raises TimeUp in this one. Works everywhere."""
    thread, over = threading.get_ident(), threading.Event()

    def watch() -> None:
        wait = seconds
        while not over.wait(wait):
            if is_running(error.code, sys._current_frames().get(thread)):
                raise_in(thread, error)
            wait = AGAIN

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        with sleep_in_slices():
            yield
    finally:
        call_off(thread, error, over, watcher)


def raise_in(thread: int, error: type[TimeUp]) -> None:
    """Have an exception raised in a thread."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))


def call_off(thread: int, error: type[TimeUp], over: threading.Event, watcher: threading.Thread) -> None:
    """End the watch. One last TimeUp takes the place of one that may be on its way, and is awaited here.

    To take it back instead would leave a mark in Python 3.11's interpreter, which then runs slowly, and for
    ever in one place when somebody traces it.
    """
    while watcher.is_alive() or not over.is_set():
        try:
            over.set()
            watcher.join()
            raise_in(thread, error)
            while True:
                pass
        except TimeUp:
            pass


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
