"""Batch normalization one node at a time: the forward pass, and the chain rule back through it.

This is how the backward pass is derived. functional.py has the same result multiplied out.
x is (N, C) here; every node is (N, C) or (C,).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bnteach.core import arguments


class Node(NamedTuple):
    """A node of the graph: how it is computed, and how its gradient is (d… means ∂loss/∂…)."""

    forward: str
    backward: str


NODES = {
    "x": Node("x", "dx = dx_centered + dmean / N"),
    "mean": Node("mean = Σ x / N", "dmean = −Σ dx_centered"),
    "x_centered": Node("x_centered = x − mean", "dx_centered = dx_hat · inv_std + 2 · x_centered · dsquare"),
    "square": Node("square = x_centered²", "dsquare = dvar / N, the same for each sample"),
    "var": Node("var = Σ square / N", "dvar = dstd / (2 · std)"),
    "std": Node("std = √(var + ε)", "dstd = −dinv_std / std²"),
    "inv_std": Node("inv_std = 1 / std", "dinv_std = Σ dx_hat · x_centered"),
    "x_hat": Node("x_hat = x_centered · inv_std", "dx_hat = dscaled · γ"),
    "gamma": Node("γ", "dγ = Σ dscaled · x_hat"),
    "scaled": Node("scaled = γ · x_hat", "dscaled = dy"),
    "beta": Node("β", "dβ = Σ dy"),
    "y": Node("y = scaled + β", "dy"),
}


def forward_steps(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, eps: float = 1e-5) -> dict:
    """The value of every node, in the order of computation, under the names of `NODES`.

    What surprises: x_centered is used twice, for the square and for x̂. So two gradients will meet there.

    Args:
        x: (N, C), float16, float32 or float64; N ≥ 2.
        gamma, beta: (C,).
        eps: ε, above 0.

    Returns:
        A dict from node name to array, (N, C) or (C,).

    Raises:
        TypeError, ValueError: as `batch_norm_forward`; x must have exactly 2 axes.

    >>> nodes = forward_steps(np.array([[1.0], [2.0], [6.0]]), np.array([3.0]), np.array([0.5]))
    >>> nodes["mean"], nodes["var"].round(3)
    (array([3.]), array([4.667]))

    Source: Ioffe & Szegedy 2015, Algorithm 1, split into single operations.
    """
    x = arguments.batch("x", x)
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(f"x has shape {x.shape}, expected (N, C) with N ≥ 2")
    gamma = arguments.per_channel("gamma", gamma, x.shape, 1)
    beta = arguments.per_channel("beta", beta, x.shape, 1)
    mean = x.sum(axis=0) / len(x)
    x_centered = x - mean
    square = x_centered**2
    var = square.sum(axis=0) / len(x)
    std = np.sqrt(var + arguments.positive_eps(eps))
    inv_std = 1 / std
    x_hat = x_centered * inv_std
    scaled = gamma * x_hat
    return {
        "x": x,
        "mean": mean,
        "x_centered": x_centered,
        "square": square,
        "var": var,
        "std": std,
        "inv_std": inv_std,
        "x_hat": x_hat,
        "gamma": gamma,
        "scaled": scaled,
        "beta": beta,
        "y": scaled + beta,
    }


def backward_steps(dy: np.ndarray, nodes: dict) -> dict:
    """The gradient of the loss with respect to every node, in the order in which the chain rule finds it.

    What surprises: where a value was used in two places, the two gradients add up (x_centered, x).
    Where one value served all samples, its gradients are summed over them (mean, var, γ, β).

    Args:
        dy: ∂loss/∂y, (N, C).
        nodes: from `forward_steps`.

    Returns:
        A dict with the keys of `NODES`, from "y" to "x"; each array has the shape of the node.

    Raises:
        TypeError, ValueError: dy has the wrong dtype or not the shape of y.

    >>> nodes = forward_steps(np.array([[1.0], [2.0], [6.0]]), np.array([3.0]), np.array([0.5]))
    >>> gradients = backward_steps(np.array([[1.0], [0.0], [0.0]]), nodes)
    >>> gradients["x"].ravel().round(3)
    array([ 0.529, -0.661,  0.132])

    Source: Ioffe & Szegedy 2015, section 3, the six chain-rule equations, split into single operations.
    """
    dy = arguments.upstream("dy", dy, nodes["y"].shape)
    n = len(dy)
    dbeta = dy.sum(axis=0)
    dscaled = dy
    dgamma = (dscaled * nodes["x_hat"]).sum(axis=0)
    dx_hat = dscaled * nodes["gamma"]
    dinv_std = (dx_hat * nodes["x_centered"]).sum(axis=0)
    dstd = -dinv_std / nodes["std"] ** 2
    dvar = dstd / (2 * nodes["std"])
    dsquare = np.broadcast_to(dvar / n, dy.shape)
    dx_centered = dx_hat * nodes["inv_std"] + 2 * nodes["x_centered"] * dsquare
    dmean = -dx_centered.sum(axis=0)
    dx = dx_centered + dmean / n
    return {
        "y": dy,
        "beta": dbeta,
        "scaled": dscaled,
        "gamma": dgamma,
        "x_hat": dx_hat,
        "inv_std": dinv_std,
        "std": dstd,
        "var": dvar,
        "square": dsquare,
        "x_centered": dx_centered,
        "mean": dmean,
        "x": dx,
    }
