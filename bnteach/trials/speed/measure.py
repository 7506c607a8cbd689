"""What each way of lesson 13 is measured by, but for its time."""

from __future__ import annotations

import ctypes
import os
import time
import tracemalloc
from collections.abc import Callable, Iterable

import numpy as np
import torch

from bnteach.core import fast

# Where other programs run too, the processor's time for this one says more; on Windows it is too coarse.
clock = time.perf_counter if os.name == "nt" else time.process_time

Way = Callable[..., tuple[np.ndarray, ...]]

EPS = 1e-5
AT_HAND = 2**29  # bytes that are touched beforehand, more than any way of the lesson needs
SIDE = 1024
OPERATIONS = 2 * SIDE**3  # multiplications and additions


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


def pytorch(x, gamma, beta, dy):
    """PyTorch's layer and its gradients."""
    x, gamma, beta = (torch.from_numpy(a).requires_grad_() for a in (x, gamma.ravel(), beta.ravel()))
    y = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)
    y.backward(torch.from_numpy(dy))
    return tuple(a.detach().numpy() for a in (y, x.grad, gamma.grad, beta.grad))


def engine(x, gamma, beta, dy):
    """The fast engine of bnteach."""
    y, cache = fast.batch_norm_forward(x, gamma.ravel(), beta.ravel(), EPS)
    return y, *fast.batch_norm_backward(dy, cache)


def least(x, gamma, beta, dy):
    """No layer: the fewest passes, x in and y out, then x and dy in and dx out."""
    y = np.empty_like(x)
    np.copyto(y, x)
    return y, np.add(x, dy)


def shortest(ways: dict[str, Way], layer: list[np.ndarray], rounds: int = 7) -> dict[str, float]:
    """The least seconds of each way; they take turns, so that what else the machine does meets them all."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):  # the first round warms up
        for name, way in ways.items():
            begin = clock()
            way(*layer)
            seconds[name].append(clock() - begin)
    return {name: min(times[1:]) for name, times in seconds.items()}


def table(ways: dict[str, Way], passes: dict[str, int], layer: list[np.ndarray], *names: str) -> None:
    """A row for each of these ways: its time if only the passes count, the measured one, and its memory."""
    seconds = shortest({name: ways[name] for name in (*names, "PyTorch", "least")}, layer)
    for name in names:
        assert_same(ways[name](*layer), ways["PyTorch"](*layer))
        reckoned = passes[name] * seconds["least"] / passes["least"]
        print(f"{name:9}{passes[name]:2} passes: {1e3 * reckoned:3.0f} ms   measured: ", end="")
        print(f"{1e3 * seconds[name]:3.0f} ms, {seconds[name] / seconds['PyTorch']:.2f} of PyTorch's", end="")
        print(f"   memory {peak(ways[name], layer):.1f}")


def product(x, *others):
    """No layer: a product of matrices, with so many OPERATIONS."""
    square = x.reshape(-1)[: SIDE * SIDE].reshape(SIDE, SIDE)
    return square @ square


def as_way(forward: Callable, backward: Callable) -> Way:
    """The way that makes arrays for y and dx, and has these two functions write to them."""

    def way(x, gamma, beta, dy):
        y, dx = np.empty_like(x), np.empty_like(x)
        kept = forward(x, gamma, beta, y)
        return y, dx, *backward(dy, x, gamma, kept, dx)

    return way


def peak(way: Way, layer: list[np.ndarray]) -> float:
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


def digits(way: Way, right: Way, mean: float) -> float:
    """The largest error over the root mean square of a result, in eps of float32.

    right: the way that is run in float64 for comparison. mean: of x, whose standard deviation is 1.
    """
    layer = batch(mean, samples=8)
    with np.errstate(invalid="ignore"):
        found = way(*layer)
    exact = right(*(a.astype(np.float64) for a in layer))
    return max(map(off, found, exact)) / float(np.finfo(np.float32).eps)


def off(found: np.ndarray, exact: np.ndarray) -> float:
    """The largest difference over the root mean square; inf where something is not a number."""
    error = np.abs(found.ravel() - exact.ravel()).max() / np.sqrt(np.mean(exact**2))
    return np.inf if np.isnan(error) else float(error)


def y_of_pytorch(layer: list[np.ndarray], order: torch.memory_format) -> np.ndarray:
    """PyTorch's y, where a picture lies in memory in this order; its positions are a square."""
    x, gamma, beta, _ = map(torch.from_numpy, layer)
    pictures = x.unflatten(2, (round(x.shape[2] ** 0.5), -1)).contiguous(memory_format=order)
    y = torch.nn.functional.batch_norm(pictures, None, None, gamma.ravel(), beta.ravel(), True, eps=EPS)
    return y.flatten(2).numpy()
