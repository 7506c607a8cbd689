"""Runs a function in several processes that can send each other numbers, as the devices of a cluster do."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle

__all__ = ["ProcessError", "run_processes"]

WORKER = "bnteach.training.worker"
LOOK_EVERY = 0.02  # seconds
LINES_OF_ERROR = 15


class ProcessError(RuntimeError):
    """A process failed; the message says which one, and holds the end of its traceback."""


def run_processes(
    function: Callable[..., Any], *arguments: Any, processes: int = 2, seconds: float = 60.0
) -> list[Any]:
    """Run `function(rank, *arguments)` in several new processes, joined by `torch.distributed` (gloo, CPU).

    Inside the function, `torch.distributed.all_reduce` and its relatives work. The function may be defined in
    a notebook; it is sent together with what it refers to. Results must be picklable.

    What surprises: each process imports PyTorch anew, which takes some seconds, and prints are not shown.

    Args:
        function: called in each process with its rank, 0 to processes − 1, and the arguments.
        arguments: the same for all processes.
        processes: how many.
        seconds: the time limit for all of it.

    Returns:
        What each process returned, by rank.

    Raises:
        ValueError: `processes` is less than 1.
        ProcessError: a process failed; the others are stopped.
        TimeoutError: the time limit has passed; all are stopped.

    No process is left behind, whatever happens: an error, the time limit, the kernel's stop button.

    >>> run_processes(lambda rank, base: base + rank, 10, processes=2)
    [10, 11]
    """
    if processes < 1:
        raise ValueError(f"processes is {processes}, expected 1 or more")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "job.pickle").write_bytes(cloudpickle.dumps((function, arguments)))
        started = []
        try:
            started.extend(start(rank, processes, folder, seconds) for rank in range(processes))
            wait_for(started, folder, seconds)
        finally:
            stop(started)
        return [pickle.loads((folder / f"result-{rank}.pickle").read_bytes()) for rank in range(processes)]


def start(rank: int, processes: int, folder: Path, seconds: float) -> subprocess.Popen:
    """A new Python that runs the worker; what it prints goes to a file."""
    environment = {
        **os.environ,
        "RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "OMP_NUM_THREADS": "1",  # the processes share the processor's cores
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    command = [sys.executable, "-m", WORKER, str(folder), str(seconds), str(os.getpid())]
    with (folder / f"words-{rank}.txt").open("w", encoding="utf-8") as words:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT
        )


def wait_for(started: list[subprocess.Popen], folder: Path, seconds: float) -> None:
    """Until all have ended well. Raises ProcessError or TimeoutError."""
    end = time.monotonic() + seconds
    while any(process.poll() is None for process in started):
        look_for_failure(started, folder)
        if time.monotonic() > end:
            late = [rank for rank, process in enumerate(started) if process.poll() is None]
            raise TimeoutError(f"processes {late} of {len(started)} have not finished after {seconds:.0f} s")
        time.sleep(LOOK_EVERY)
    look_for_failure(started, folder)


def look_for_failure(started: list[subprocess.Popen], folder: Path) -> None:
    for rank, process in enumerate(started):
        if process.poll():
            words = (folder / f"words-{rank}.txt").read_text(encoding="utf-8", errors="replace")
            last = "\n".join(words.splitlines()[-LINES_OF_ERROR:])
            raise ProcessError(
                f"process {rank} of {len(started)} failed (exit status {process.returncode}):\n{last}"
            )


def stop(started: list[subprocess.Popen]) -> None:
    """End those that still run, and wait until they are gone."""
    for process in started:
        if process.poll() is None:
            process.kill()
    for process in started:
        process.wait()
