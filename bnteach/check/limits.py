"""Bounds on how long a learner's code runs and how much memory it takes."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None

AGAIN = 0.05  # seconds until TimeUp is raised once more, should the code have caught it
MEMORY = 3 * 2**30  # bytes on top of what the process has now


class TimeUp(BaseException):
    """The time is over. Not an Exception, so that `except Exception` in the learner's code lets it pass."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeUp inside the block when it takes longer than `seconds`.

    A bare `except:` can catch TimeUp, so it is raised again and again until the block is left. A single call
    into compiled code is not interrupted before it returns.
    """
    in_main = threading.current_thread() is threading.main_thread()
    limit = alarm if in_main and hasattr(signal, "setitimer") else watchdog
    with limit(seconds):
        yield


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """By the system's timer: it wakes `time.sleep` too. Main thread of Linux and macOS only."""

    armed = True

    def ring(signum, frame):
        if armed:
            raise TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        armed = False  # at once, so that no late ring interrupts the next two lines
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def watchdog(seconds: float) -> Iterator[None]:
    """By a second thread that raises TimeUp in this one. Everywhere, but it can't wake `time.sleep`."""
    thread, done, lock = ctypes.c_ulong(threading.get_ident()), threading.Event(), threading.Lock()

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            with lock:
                if not done.is_set():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TimeUp))
            wait = AGAIN

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        with lock:
            done.set()
            # A TimeUp that is on its way but has not arrived would strike the checker itself.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)


@contextmanager
def memory_limit(more: int = MEMORY) -> Iterator[None]:
    """Let the block take at most `more` bytes: beyond, Python raises MemoryError. On Linux; elsewhere unbounded."""
    now = address_space()
    if resource is None or now is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = [now + more, *(bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def address_space() -> int | None:
    """Bytes of address space of this process; None where the system does not tell."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[0]) * resource.getpagesize()
    except (OSError, AttributeError):
        return None
