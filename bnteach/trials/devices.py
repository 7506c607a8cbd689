"""Runs a function in several processes that can send each other numbers, as the devices of a cluster do."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, BrokenExecutor, Future, wait
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from joblib.externals.loky import ProcessPoolExecutor
from torch import distributed

__all__ = ["ProcessError", "run_processes"]


class ProcessError(RuntimeError):
    """A process failed; the message says which one and how, and what caused it holds the traceback."""


def run_processes(
    function: Callable[..., Any], *arguments: Any, processes: int = 2, seconds: float = 60.0
) -> list[Any]:
    """Run `function(rank, *arguments)` in several new processes, joined by `torch.distributed` (gloo, CPU).

    Inside the function, `torch.distributed.all_reduce` and its relatives work. The function may be defined in
    a notebook; it is sent together with what it refers to. Results must be picklable.

    What surprises: each process imports PyTorch anew, which takes some seconds, and prints are not shown.

    No process is left behind, whatever happens: an error, the time limit, the kernel's stop button.

    Args:
        function: called in each process with its rank, 0 to processes − 1, and the arguments.
        arguments: the same for all processes.
        processes: how many.
        seconds: the time limit for all of it.

    Returns:
        What each process returned, by rank.

    Raises:
        ValueError: `processes` is less than 1.
        ProcessError: a process failed; the message is about the first one that did.
        TimeoutError: the time limit has passed.

    Example:
        >>> run_processes(lambda rank, base: base + rank, 10, processes=2)
        [10, 11]
    """
    if processes < 1:
        raise ValueError(f"processes is {processes}, expected 1 or more")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place = Path(folder, "meeting-place").as_uri()
        executor = ProcessPoolExecutor(max_workers=processes, initializer=_begin)
        try:
            futures = [
                executor.submit(_joined, function, rank, processes, place, seconds, arguments)
                for rank in range(processes)
            ]
            return _results(futures, seconds)
        finally:
            executor.shutdown(kill_workers=True)


def _begin() -> None:
    torch.set_num_threads(1)  # the processes share the processor's cores
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()


def _leave_with(parent: int) -> None:
    """End this process when its parent is gone: a kernel that was killed could not stop it."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _joined(function: Callable, rank: int, processes: int, place: str, seconds: float, arguments: tuple):
    """In one of the processes. If the function fails, the others wait: so theirs is not the first error."""
    limit = timedelta(seconds=seconds)
    distributed.init_process_group("gloo", init_method=place, rank=rank, world_size=processes, timeout=limit)
    result = function(rank, *arguments)
    distributed.barrier()  # none leaves while another still needs its answers
    distributed.destroy_process_group()
    return result


def _results(futures: list[Future], seconds: float) -> list[Any]:
    done, late = wait(futures, timeout=seconds, return_when=FIRST_EXCEPTION)
    for rank, future in enumerate(futures):
        if future in done and (error := future.exception()):
            who = "a process" if isinstance(error, BrokenExecutor) else f"process {rank}"
            raise ProcessError(f"{who} of {len(futures)} failed: {type(error).__name__}: {error}") from error
    if late:
        ranks = [rank for rank, future in enumerate(futures) if future in late]
        raise TimeoutError(f"processes {ranks} of {len(futures)} have not finished after {seconds:.0f} s")
    return [future.result() for future in futures]
