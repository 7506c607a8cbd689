"""Several processes: they share numbers; none is left behind after an error, a time limit, a stop, a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from bnteach.training.processes import ProcessError, run_processes


def living(pids) -> list[int]:
    def lives(pid):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    return [pid for pid in pids if lives(pid)]


def wait_until_gone(pids) -> None:
    end = time.monotonic() + 10
    while living(pids) and time.monotonic() < end:
        time.sleep(0.1)
    assert living(pids) == []


def test_they_add_up_what_each_has():
    def function(rank, values):
        import torch
        from torch import distributed

        mine = torch.from_numpy(values[rank])
        distributed.all_reduce(mine)
        return mine.numpy()

    values = np.random.default_rng(0).normal(size=(2, 5))
    for total in run_processes(function, values):
        np.testing.assert_allclose(total, values.sum(axis=0), rtol=1e-15)


def test_an_error_names_its_process_and_line_and_stops_the_others(tmp_path):
    def function(rank):
        import pathlib

        import torch
        from torch import distributed

        pathlib.Path(tmp_path, str(rank)).write_text(str(os.getpid()))
        distributed.barrier()
        if rank == 1:
            raise ValueError("the second has no data")
        distributed.all_reduce(torch.zeros(1))  # would wait for the second for ever

    with pytest.raises(ProcessError, match=r"process 1 of 2 failed(.|\n)*the second has no data"):
        run_processes(function)
    assert living(int(path.read_text()) for path in tmp_path.iterdir()) == []


def test_the_time_limit_stops_all(tmp_path):
    def function(rank):
        import pathlib

        pathlib.Path(tmp_path, str(rank)).write_text(str(os.getpid()))
        time.sleep(600)

    with pytest.raises(TimeoutError, match=r"processes \[0, 1\] of 2 have not finished after 10 s"):
        run_processes(function, seconds=10)
    pids = [int(path.read_text()) for path in tmp_path.iterdir()]
    assert len(pids) == 2
    assert living(pids) == []


SLEEPER = """
import os, pathlib, sys, time
from bnteach.training.processes import run_processes

def function(rank, folder):
    pathlib.Path(folder, str(rank)).write_text(str(os.getpid()))
    time.sleep(600)

run_processes(function, sys.argv[1])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_none_is_left_when_the_kernel_is_stopped_or_killed(how, tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", SLEEPER, str(tmp_path)], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.2)
    pids = [int(path.read_text()) for path in tmp_path.iterdir()]
    assert len(pids) == 2
    parent.send_signal(getattr(signal, how))
    parent.wait(timeout=20)
    wait_until_gone(pids)


def test_less_than_one_process_is_refused():
    with pytest.raises(ValueError, match="processes is 0, expected 1 or more"):
        run_processes(lambda rank: rank, processes=0)
