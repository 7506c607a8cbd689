"""In a real kernel: Ctrl-C, and what a cell shows."""

import time

import pytest
from jupyter_client.manager import start_new_kernel

SETUP = """
import numpy as np
from bnteach import check
from bnteach.check import running
running.SECONDS = 1.0
def right(x, eps):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
"""


@pytest.fixture(scope="module")
def kernel():
    """run(code) gives what a cell's execution said: its texts, in order."""
    manager, client = start_new_kernel()

    def run(code, when_busy=None):
        client.execute(code, allow_stdin=False)
        texts = []
        while True:
            message = client.get_iopub_msg(timeout=60)
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return "\n".join(texts)
            if kind == "execute_input" and when_busy:
                when_busy(manager)
            texts += [content["text"]] if kind == "stream" else []
            texts += [content["data"]["text/plain"]] if "data" in content else []
            texts += [f"raised {content['ename']}"] if kind == "error" else []

    try:
        assert run(SETUP) == ""
        yield run
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_the_line_is_named_by_the_cell(kernel):
    shown = kernel("def f(x, eps):\n    return x.nothing\n\ncheck.standardize(f)")
    assert "at line 2 of the cell: return x.nothing" in shown.replace("\n  ", " ")


def test_a_loop_is_stopped(kernel):
    shown = kernel("def f(x, eps):\n    while True:\n        pass\ncheck.standardize(f)")
    assert "Stopped after 1 second" in shown
    assert kernel("check.standardize(right)") == "✓ standardize: passed"


def test_interrupt(kernel):
    def interrupt(manager):
        time.sleep(0.5)
        manager.interrupt_kernel()

    kernel("running.SECONDS = 30")
    shown = kernel("def f(x, eps):\n    while True:\n        pass\ncheck.standardize(f)", interrupt)
    assert shown == "raised KeyboardInterrupt"
    kernel("running.SECONDS = 1.0")
    assert kernel("check.standardize(right)") == "✓ standardize: passed"


def test_input_is_as_it_was(kernel):
    assert "EOFError: a check cannot answer input()" in kernel("check.standardize(lambda x, eps: input())")
    assert kernel("print(input.__self__.__class__.__name__)") == "IPythonKernel\n"
