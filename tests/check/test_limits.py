"""A loop without end is stopped, in whatever thread; Ctrl-C is not swallowed."""

import os
import signal
import sys
import threading
import time

import pytest

from bnteach import check


def right(x, eps):
    return (x - x.mean(axis=0)) / (x.var(axis=0) + eps) ** 0.5


def plain_loop(x, eps):
    while True:
        x = x + 0


def goes_on(x, eps):
    try:
        plain_loop(x, eps)
    except:  # noqa: E722
        plain_loop(x, eps)


def sleeps(x, eps):
    while True:
        time.sleep(0.01)


def prints(x, eps):
    while True:
        print("a" * 50)


LOOPS = [plain_loop, goes_on, sleeps, prints]


def in_another_thread(call):
    """What a call gives, made in a thread of its own."""
    found = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join(60)
    return found[0]


@pytest.mark.parametrize("where", [lambda call: call(), in_another_thread])
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.usefixtures("short")
def test_a_loop_is_stopped(loop, where):
    why = where(lambda: check.standardize(loop)).why
    assert why.startswith("Stopped after 0.3 seconds, at line ")
    assert why.endswith("Is there a loop that never ends?")
    assert where(lambda: check.standardize(right)).state == "passed"


@pytest.mark.usefixtures("short")
def test_all_probes_share_the_time():
    def slow(x, eps):
        time.sleep(0.2)
        return right(x, eps)

    start = time.monotonic()
    assert "Stopped after 0.3 seconds" in check.standardize(slow).why
    assert time.monotonic() - start < 1  # six runs of 0.2 s each would take longer


def test_ctrl_c_arrives_and_leaves_all_in_order():
    before = sys.stdout, signal.getsignal(signal.SIGINT)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        check.standardize(plain_loop)
    timer.join()
    assert (sys.stdout, signal.getsignal(signal.SIGINT)) == before
    assert check.standardize(right).state == "passed"
