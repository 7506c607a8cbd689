"""Ways to compute a layer; the first three are what lesson 13 types."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from bnteach.core import fast

Way = Callable[..., tuple[np.ndarray, ...]]

eps = 1e-5

# The passes of each line of a way.
counted = {"textbook": [0, 1, 6, 0, 4, 4, 1, 4, 9], "in_place": [0, 3, 1, 2, 2, 2, 1, 2, 2, 3, 2, 2]}


def textbook(x, gamma, beta, dy):
    m = x[:, 0].size
    mean = x.mean((0, 2), keepdims=True)
    var = x.var((0, 2), keepdims=True)
    std = np.sqrt(var + eps)
    x_hat = (x - mean) / std
    y = gamma * x_hat + beta
    dbeta = dy.sum((0, 2), keepdims=True)
    dgamma = (dy * x_hat).sum((0, 2), keepdims=True)
    dx = gamma / std * (dy - dbeta / m - x_hat * (dgamma / m))
    return y, dx, dgamma, dbeta


def total(a, b=None):
    """The sum of a·b of each channel, or of a; shaped as gamma."""
    if b is None:
        b = np.ones(a.shape[2], a.dtype)
    of_rows = np.vecdot(a, b)
    return of_rows.sum(axis=0, keepdims=True)[..., np.newaxis]


def in_place(x, gamma, beta, dy):
    m = x[:, 0].size
    x_hat = x - total(x) / m
    inv_std = 1 / np.sqrt(total(x_hat, x_hat) / m + eps)
    x_hat *= inv_std
    y = gamma * x_hat
    y += beta
    dbeta = total(dy)
    dgamma = total(dy, x_hat)
    dx = x_hat * (-dgamma / m)
    dx += dy
    dx -= dbeta / m
    dx *= gamma * inv_std
    return y, dx, dgamma, dbeta


def folded(x, gamma, beta, dy):
    m = x[:, 0].size
    mean = total(x) / m
    var = total(x, x) / m - mean**2
    inv_std = 1 / np.sqrt(var + eps)
    y = x * (gamma * inv_std)
    y += beta - gamma * inv_std * mean
    dbeta = total(dy)
    dgamma = inv_std * (total(dy, x) - mean * dbeta)
    slope = -inv_std * dgamma / m
    dx = x * slope
    dx += dy
    dx -= dbeta / m + slope * mean
    dx *= gamma * inv_std
    return y, dx, dgamma, dbeta


def pytorch(x, gamma, beta, dy):
    """PyTorch's layer and its gradients."""
    x, gamma, beta = (torch.from_numpy(a).requires_grad_() for a in (x, gamma.ravel(), beta.ravel()))
    y = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)
    y.backward(torch.from_numpy(dy))
    return tuple(a.detach().numpy() for a in (y, x.grad, gamma.grad, beta.grad))


def engine(x, gamma, beta, dy):
    """The fast engine of bnteach."""
    y, cache = fast.batch_norm_forward(x, gamma.ravel(), beta.ravel(), eps)
    return y, *fast.batch_norm_backward(dy, cache)


def least(x, gamma, beta, dy):
    """No layer: the fewest passes, x in and y out, then x and dy in and dx out."""
    y = np.empty_like(x)
    np.copyto(y, x)
    return y, np.add(x, dy)


def as_way(forward: Callable, backward: Callable) -> Way:
    """The way that makes arrays for y and dx, and has these two functions write to them."""

    def way(x, gamma, beta, dy):
        y, dx = np.empty_like(x), np.empty_like(x)
        kept = forward(x, gamma, beta, y)
        return y, dx, *backward(dy, x, gamma, kept, dx)

    return way
