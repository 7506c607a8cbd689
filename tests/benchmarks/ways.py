"""The ways of doing batch normalization that are measured beside each other.

Each function takes a Case and returns (forward, backward): forward() gives what backward needs, and
backward(kept) gives the gradients. Every way makes its results anew in each call, as a network would have it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

import bnteach
from bnteach.core import fast, functional

EPS = 1e-5
REFERENCE = "PyTorch"


@dataclass
class Case:
    """A shape as PyTorch counts it, channels on axis 1, and the arrays as they lie in memory."""

    shape: tuple[int, ...]
    layout: str  # "" (two axes), "NCHW" or "NHWC"
    x: np.ndarray
    dy: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray

    @property
    def channel_axis(self) -> int:
        return self.x.ndim - 1 if self.layout == "NHWC" else 1

    def __str__(self) -> str:
        return f"{self.shape} {self.layout}".strip()


def make_case(shape, layout="", ratio=0.5, seed=0):
    """Random float32 arrays; each channel has mean / standard deviation = ratio."""
    rng = np.random.default_rng(seed)
    channels = shape[1]
    if layout == "NHWC":
        memory = (shape[0], *shape[2:], channels)
        spread = rng.uniform(0.5, 2, channels)
    else:
        memory = shape
        spread = rng.uniform(0.5, 2, (channels, *[1] * (len(shape) - 2)))
    x, dy = (rng.standard_normal(memory, dtype=np.float32) for _ in range(2))
    x += np.float32(ratio)
    x *= spread.astype(np.float32)
    gamma, beta = rng.uniform(0.5, 2, channels), rng.normal(size=channels)
    return Case(shape, layout, x, dy, gamma.astype(np.float32), beta.astype(np.float32))


def ours(core):
    """The plain page or the engine."""

    def prepare(case):
        def forward():
            return core.batch_norm_forward(case.x, case.gamma, case.beta, EPS, case.channel_axis)

        def backward(kept):
            return core.batch_norm_backward(case.dy, kept[1])

        return forward, backward

    return prepare


def layer(case):
    """`bnteach.BatchNorm`, which chooses between the two by size."""
    bn = bnteach.BatchNorm(len(case.gamma), EPS, channel_axis=case.channel_axis, track_running_stats=False)
    bn.gamma, bn.beta = case.gamma, case.beta
    return (lambda: (bn.forward(case.x),)), (lambda kept: bn.backward(case.dy))


def pytorch(threads):
    """torch.nn.functional.batch_norm and its autograd. NHWC is PyTorch's channels_last: the same bytes."""

    def prepare(case):
        x, dy = (torch.from_numpy(a) for a in (case.x, case.dy))
        if case.layout == "NHWC":
            x, dy = (a.permute(0, 3, 1, 2) for a in (x, dy))
        x = x.requires_grad_()
        gamma, beta = (torch.from_numpy(a).requires_grad_() for a in (case.gamma, case.beta))

        def forward():
            return torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)

        def backward(y):
            y.backward(dy)
            gradients = x.grad, gamma.grad, beta.grad
            x.grad = gamma.grad = beta.grad = None
            return gradients

        def before():
            torch.set_num_threads(threads)

        forward.before = before
        return forward, backward

    return prepare


def textbook(case):
    """The way most lessons write it: mean, var, x̂ kept, and a backward pass in stages."""
    axes = tuple(axis for axis in range(case.x.ndim) if axis != case.channel_axis)
    wide = tuple(-1 if axis == case.channel_axis else 1 for axis in range(case.x.ndim))
    gamma, beta = case.gamma.reshape(wide), case.beta.reshape(wide)
    m = case.x.size // len(case.gamma)

    def forward():
        mean, var = case.x.mean(axis=axes, keepdims=True), case.x.var(axis=axes, keepdims=True)
        std = np.sqrt(var + np.float32(EPS))
        x_hat = (case.x - mean) / std
        return gamma * x_hat + beta, x_hat, case.x - mean, std

    def backward(kept):
        _, x_hat, centered, std = kept
        dbeta, dgamma = case.dy.sum(axis=axes), (case.dy * x_hat).sum(axis=axes)
        dx_hat = case.dy * gamma
        dvar = (dx_hat * centered * -0.5 * std**-3).sum(axis=axes, keepdims=True)
        dmean = (-dx_hat / std).sum(axis=axes, keepdims=True) + dvar * (-2 * centered).mean(
            axis=axes, keepdims=True
        )
        return dx_hat / std + dvar * 2 * centered / m + dmean / m, dgamma, dbeta

    return forward, backward


def bandwidth(case):
    """The fewest bytes that can be moved: x in and y out; then x and dy in and dx out. No statistics."""
    return (lambda: np.copy(case.x)), (lambda kept: np.add(case.x, case.dy))


WAYS = {
    "plain": ours(functional),
    "fast": ours(fast),
    "layer": layer,
    "textbook": textbook,
    "bandwidth": bandwidth,
    "PyTorch": pytorch(threads=1),
}


def results(name, case):
    """y, dx, dγ, dβ of a way, as NumPy arrays that lie in memory as x does."""
    forward, backward = WAYS[name](case)
    kept = forward()
    if name != REFERENCE:
        return kept[0], *backward(kept)
    y, dx, *parameters = (a.detach() for a in (kept, *backward(kept)))
    if case.layout == "NHWC":
        y, dx = (a.permute(0, 2, 3, 1) for a in (y, dx))
    return tuple(a.numpy() for a in (y, dx, *parameters))


def in_float64(case):
    return replace(case, **{name: getattr(case, name).astype(float) for name in ("x", "dy", "gamma", "beta")})
