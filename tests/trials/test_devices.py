"""Several processes: they share numbers; none is left behind after an error, a time limit, a stop, a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import distributed

from bnteach.trials.devices import ProcessError, run_processes

on_unix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


def none_is_left(folder: Path) -> bool:
    """Are both processes gone that wrote their number into this folder?"""
    pids = [int(path.read_text()) for path in folder.iterdir()]
    end = time.monotonic() + 10
    while (left := [pid for pid in pids if lives(pid)]) and time.monotonic() < end:
        time.sleep(0.05)
    return len(pids) == 2 and not left


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_ever(rank, folder, then=lambda rank: None):
    Path(folder, str(rank)).write_text(str(os.getpid()))
    distributed.barrier()
    then(rank)
    time.sleep(600)


def test_they_add_up_what_each_has():
    def added(rank, values):
        distributed.all_reduce(values[rank])
        return values[rank].tolist()

    assert run_processes(added, torch.tensor([[1.0, 2], [3, 4]])) == [[4, 6]] * 2


def test_the_first_error_names_its_process_and_line_and_stops_the_others(tmp_path):
    def fail(rank):
        if rank == 1:
            raise ValueError("the second has no data")
        distributed.all_reduce(torch.zeros(1))  # would wait for the second for ever

    with pytest.raises(ProcessError, match="process 1 of 2 failed: ValueError: the second has") as error:
        run_processes(wait_for_ever, tmp_path, fail)
    assert "in fail" in str(error.value.__cause__.__cause__)
    assert none_is_left(tmp_path)


def test_a_process_that_dies_is_an_error(tmp_path):
    with pytest.raises(ProcessError, match=r"^a process of 2 failed: TerminatedWorkerError(.|\n)*EXIT\(3\)"):
        run_processes(wait_for_ever, tmp_path, lambda rank: os._exit(3) if rank else None)
    assert none_is_left(tmp_path)


def test_the_time_limit_stops_all(tmp_path):
    with pytest.raises(TimeoutError, match=r"processes \[0, 1\] of 2 have not finished after 5 s"):
        run_processes(wait_for_ever, tmp_path, seconds=5)
    assert none_is_left(tmp_path)


@on_unix
def test_the_stop_button_stops_all(tmp_path):
    kernel = os.getpid()
    with pytest.raises(KeyboardInterrupt):
        run_processes(wait_for_ever, tmp_path, lambda rank: rank or os.kill(kernel, signal.SIGINT))
    assert none_is_left(tmp_path)


@on_unix
def test_none_is_left_when_the_kernel_is_killed(tmp_path):
    code = f"import test_devices as t; t.run_processes(t.wait_for_ever, {str(tmp_path)!r}, t.kill_parent)"
    kernel = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, stderr=subprocess.DEVNULL
    )
    assert kernel.returncode == -signal.SIGKILL
    assert none_is_left(tmp_path)


def kill_parent(rank):
    if rank == 0:
        os.kill(os.getppid(), signal.SIGKILL)


def test_less_than_one_process_is_refused():
    with pytest.raises(ValueError, match="processes is 0, expected 1 or more"):
        run_processes(lambda rank: rank, processes=0)
