"""Time and memory of one way on one case."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
import tracemalloc

import numpy as np


def keep_freed_memory():
    """Ask the C library to keep what is freed. True where it can (glibc).

    Else each large result lies on new pages, and the system clears them first: a cost that depends on the
    allocator and not on batch normalization, and is as large as the computation. All ways share this memory.
    """
    m_trim_threshold, m_mmap_max = -1, -4
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(m_mmap_max, 0) and mallopt(m_trim_threshold, 2**31 - 1))


def seconds(way):
    """(forward, backward) of one call. The results live until both are done, as in training."""
    forward, backward = way
    begin = time.perf_counter()
    kept = forward()
    middle = time.perf_counter()
    results = backward(kept)
    end = time.perf_counter()
    del kept, results
    return middle - begin, end - middle


def interleaved(ways, repeat):
    """{name: (repeat, 3) seconds of forward, backward and both}; one call of each in turn, each warmed up.

    Whatever slows the machine down for a while thus slows down all of them.
    """
    times = {name: [] for name in ways}
    for _ in range(repeat):
        for name, way in ways.items():
            getattr(way[0], "before", lambda: None)()
            seconds(way)
            times[name].append(seconds(way))
    return {name: with_both(np.array(rows)) for name, rows in times.items()}


def with_both(times):
    return np.column_stack([times, times.sum(axis=1)])


def peak_memory(way):
    """Peaks of NumPy's memory in the forward and the backward call, in bytes, results included.

    Each is counted from what was there when the call began; so what is kept in between counts as forward's.
    """
    forward, backward = way
    tracemalloc.start()
    try:
        kept, peak_forward = peak_of(forward)
        _, peak_backward = peak_of(lambda: backward(kept))
    finally:
        tracemalloc.stop()
    return peak_forward, peak_backward


def peak_of(call):
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    result = call()
    return result, tracemalloc.get_traced_memory()[1] - before


def import_seconds(module, repeat):
    """Median seconds of `import module` in a new Python, the start of Python itself not counted."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    run = [sys.executable, "-c", code]
    outputs = [
        subprocess.run(run, capture_output=True, text=True, check=True).stdout for _ in range(repeat + 1)
    ]
    return float(np.median([float(out) for out in outputs[1:]]))
