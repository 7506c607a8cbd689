"""A loop without end is stopped, however it is built and in whatever thread; Ctrl-C is not swallowed."""

import contextlib
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from bnteach import check
from bnteach.check import limits, running


def right(x, eps):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)


def plain_loop(x, eps):
    while True:
        x = x + 0


def bare_except(x, eps):
    while True:
        try:
            x = x + 0
        except:  # noqa: E722
            pass


def loop_within_a_loop(x, eps):
    while True:
        try:
            while True:
                pass
        except:  # noqa: E722
            pass


def three_times_caught(x, eps):
    kept = []
    while True:
        try:
            with contextlib.suppress(BaseException):
                while True:
                    try:
                        while True:
                            pass
                    except BaseException as error:
                        kept.append(error)
        except:  # noqa: E722
            continue


def loop_in_finally(x, eps):
    try:
        while True:
            pass
    finally:
        while True:
            pass


def sleeps(x, eps):
    time.sleep(1000)


def sleeps_and_catches(x, eps):
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            continue


def prints(x, eps):
    while True:
        print("a" * 50)


LOOPS = [
    plain_loop,
    bare_except,
    loop_within_a_loop,
    three_times_caught,
    loop_in_finally,
    sleeps,
    sleeps_and_catches,
    prints,
]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.usefixtures("short")
def test_a_loop_is_stopped(loop):
    verdict = check.standardize(loop)
    assert verdict.state == "not yet"
    assert verdict.why.startswith("Stopped after 0.3 seconds, at line ")
    assert verdict.why.endswith("Is there a loop that never ends?")
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert check.standardize(right).state == "passed"


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.usefixtures("short")
def test_a_loop_is_stopped_in_another_thread(loop):
    verdicts = []

    def work():
        verdicts.extend(check.standardize(one) for one in (loop, right))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert [verdict.state for verdict in verdicts] == ["not yet", "passed"]
    assert verdicts[0].why.startswith("Stopped after 0.3 seconds")


@pytest.mark.usefixtures("short")
def test_all_probes_share_the_time():
    def slow(x, eps):
        time.sleep(0.2)
        return right(x, eps)

    start = time.monotonic()
    assert "Stopped after 0.3 seconds" in check.standardize(slow).why
    assert time.monotonic() - start < 5  # five probes, 0.2 s each, would fit; five time limits would not


def test_nothing_strikes_outside_the_function():
    """The bell rings all the time, but only inside `inner` may it raise."""
    struck = []

    def inner():
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            pass

    for limit in (limits.alarm, limits.watchdog):
        with limit(0.001, type("TimeUp", (limits.TimeUp,), {"code": inner.__code__})):
            until = time.monotonic() + 0.1
            while time.monotonic() < until:
                pass
            try:
                inner()
            except limits.TimeUp:
                struck.append(limit)
            until = time.monotonic() + 0.1
            while time.monotonic() < until:
                pass
    assert struck == [limits.alarm, limits.watchdog]


def test_a_timer_and_its_handler_are_put_back():
    rung = []
    handler = signal.signal(signal.SIGALRM, lambda *args: rung.append(1))
    signal.setitimer(signal.ITIMER_REAL, 30)
    try:
        assert check.standardize(right).state == "passed"
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 30
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert not rung


def interrupt_soon(after=0.1):
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


@pytest.mark.parametrize("loop", [plain_loop, sleeps])
def test_ctrl_c_arrives_and_leaves_all_in_order(loop):
    before = sys.stdout, sys.stdin, os._exit, np.mean, signal.getsignal(signal.SIGINT)

    def patches_and_loops(x, eps):
        np.mean = None
        loop(x, eps)

    timer = interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        check.standardize(patches_and_loops)
    timer.join()
    assert (sys.stdout, sys.stdin, os._exit, np.mean, signal.getsignal(signal.SIGINT)) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert check.standardize(right).state == "passed"


def test_ctrl_c_waits_while_things_are_put_back(monkeypatch):
    put_back, kept = running.put_back, np.mean

    def slow_put_back():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        return put_back()

    def patches(x, eps):
        np.mean = None
        return right(x, eps)

    monkeypatch.setattr(running, "put_back", slow_put_back)
    with pytest.raises(KeyboardInterrupt):
        check.standardize(patches)
    assert np.mean is kept
