"""What each way is measured by: its time, counted in passes over an array; its memory; its error."""

from __future__ import annotations

import ast
import ctypes
import inspect
import os
import time
import tracemalloc
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch

from bnteach.core import functional

from .ways import Way, eps, least, pytorch

# Where other programs run too, the processor's time for this one says more; on Windows it is too coarse.
clock = time.perf_counter if os.name == "nt" else time.process_time

AT_HAND = 2**29  # bytes that are touched beforehand, more than any way of the lessons needs
ROUNDS = 7
SIDE = 1024  # of a product of matrices
OF_LEAST = 5  # passes of `least`


def steady() -> None:
    """One thread, and where the C library can (glibc), freed memory is kept for the next array.

    Else each large result lies on new pages, which the system clears first: now for one way, now for another.
    """
    torch.set_num_threads(1)
    m_trim_threshold, m_mmap_max = -1, -4
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(m_mmap_max, 0)
    mallopt(m_trim_threshold, 2**31 - 1)
    np.ones(AT_HAND // 8)


def batch(mean: float, samples: int = 32, channels: int = 64, positions: int = 56 * 56) -> list[np.ndarray]:
    """x, gamma, beta and dy in float32; x has this mean and the standard deviation 1."""
    rng = np.random.default_rng(0)
    shape = samples, channels, positions
    x, dy = (rng.standard_normal(shape, dtype=np.float32) for _ in range(2))
    gamma, beta = np.float32(rng.uniform(0.5, 2, (2, 1, channels, 1)))
    return [x + np.float32(mean), gamma, beta, dy]


def shortest(tasks: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The least seconds of each task; they take turns, so that what else the machine does meets them all."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(ROUNDS + 1):  # the first round warms up
        for name, task in tasks.items():
            begin = clock()
            task()
            seconds[name].append(clock() - begin)
    return {name: min(times[1:]) for name, times in seconds.items()}


def in_passes(ways: Mapping[str, Way], layer: Sequence[np.ndarray]) -> dict[str, float]:
    """The time of each way, counted in passes: a pass is a fifth of the time of `least`."""
    tasks = {name: lambda way=way: way(*layer) for name, way in {**ways, "least": least}.items()}
    seconds = shortest(tasks)
    return {name: OF_LEAST * seconds[name] / seconds["least"] for name in ways}


def table(ways: Mapping[str, Way], counted: Mapping[str, int], layer: Sequence[np.ndarray]) -> None:
    """A row for each way: its passes as counted, its time, the time over PyTorch's, and its memory."""
    ways = {**ways, "PyTorch": pytorch}
    times, right = in_passes(ways, layer), pytorch(*layer)
    print("passes:   counted   measured   of PyTorch's time   memory")
    for name, way in ways.items():
        assert_same(way(*layer), right)
        memory = f"{peak(way, layer):6.1f}" if way is not pytorch else ""  # PyTorch's own is not seen
        print(f"{name:9}{counted.get(name, ''):8}{times[name]:11.0f}", end="")
        print(f"{times[name] / times['PyTorch']:20.1f}   {memory}".rstrip())


def lines(way: Way, counted: Sequence[int], layer: Sequence[np.ndarray]) -> None:
    """Run a function line by line; print each line's passes as counted, its time, and the line."""
    source = inspect.getsource(way)
    steps = [step for step in ast.parse(source).body[0].body if isinstance(step, ast.Assign | ast.AugAssign)]
    words = [ast.get_source_segment(source, step) for step in steps]
    names = dict(way.__globals__)

    def run(step: ast.stmt) -> Callable[[], None]:
        code = compile(ast.Module([step], []), "a line", "exec")
        return lambda: exec(code, names)

    given = dict(zip(inspect.signature(way).parameters, layer, strict=True))
    tasks = {"arguments": lambda: names.update(given), "least": lambda: least(*layer)}
    seconds = shortest({**tasks, **dict(zip(words, map(run, steps), strict=True))})
    print("counted   measured")
    for passes, line in zip(counted, words, strict=True):
        if passes:
            print(f"{passes:7}{OF_LEAST * seconds[line] / seconds['least']:11.1f}   {line}")


def arithmetic(operations: int) -> float:
    """The seconds that so many multiplications and additions take in a product of matrices."""
    square = np.ones((SIDE, SIDE), np.float32)
    return operations / (2 * SIDE**3) * shortest({"product": lambda: square @ square})["product"]


def peak(way: Way, layer: Sequence[np.ndarray]) -> float:
    """The most memory that NumPy's new arrays take at once, as a multiple of x."""
    tracemalloc.start()
    try:
        way(*layer)
        return tracemalloc.get_traced_memory()[1] / layer[0].nbytes
    finally:
        tracemalloc.stop()


def assert_same(found: Iterable[np.ndarray], right: Iterable[np.ndarray]) -> None:
    """Raise AssertionError where results differ by more than rounding."""
    for name, ours, theirs in zip(("y", "dx", "dgamma", "dbeta"), found, right, strict=True):
        assert off(ours, theirs) < 1e-4, f"{name} differs"


def error(way: Way, mean: float) -> float:
    """The largest error over the root mean square of a result, in float32; right is the plain page.

    mean: of x, whose standard deviation is 1.
    """
    layer = batch(mean, samples=8)
    with np.errstate(invalid="ignore"):
        found = way(*layer)
    x, gamma, beta, dy = (a.astype(np.float64) for a in layer)
    y, cache = functional.batch_norm_forward(x, gamma.ravel(), beta.ravel(), eps)
    return max(map(off, found, (y, *functional.batch_norm_backward(dy, cache))))


def off(found: np.ndarray, exact: np.ndarray) -> float:
    """The largest difference over the root mean square; inf where something is not a number."""
    difference = np.abs(found.ravel() - exact.ravel()).max() / np.sqrt(np.mean(exact**2))
    return np.inf if np.isnan(difference) else float(difference)


def y_of_pytorch(layer: Sequence[np.ndarray], order: torch.memory_format) -> np.ndarray:
    """PyTorch's y, where a picture lies in memory in this order; its positions are a square."""
    x, gamma, beta, _ = map(torch.from_numpy, layer)
    pictures = x.unflatten(2, (round(x.shape[2] ** 0.5), -1)).contiguous(memory_format=order)
    y = torch.nn.functional.batch_norm(pictures, None, None, gamma.ravel(), beta.ravel(), True, eps=eps)
    return y.flatten(2).numpy()
