"""The gradients of γ and β, and the backward pass node by node, in many styles."""

import math

import numpy as np
import torch

# Ways to Σ a·b of each column.
SUMS = {
    "sum": lambda a, b: (a * b).sum(axis=0),
    "einsum": lambda a, b: np.einsum("nc,nc->c", a, b),
    "matrix product": lambda a, b: np.diag(a.T @ b),
    "columns": lambda a, b: np.array([np.dot(p, q) for p, q in zip(a.T, b.T, strict=True)]),
    "rows": lambda a, b: sum(p * q for p, q in zip(a, b, strict=True)),
    "N times the mean": lambda a, b: len(a) * np.mean(a * b, axis=0),
    "reduce": lambda a, b: np.add.reduce(np.multiply(a, b), axis=0),
    "keepdims, squeezed": lambda a, b: (a * b).sum(axis=0, keepdims=True).squeeze(0),
    "transposed": lambda a, b: (a.T * b.T).sum(axis=-1),
    "Fortran order": lambda a, b: np.asfortranarray(a * b).sum(0),
    "tensordot": lambda a, b: np.array([np.tensordot(a[:, c], b[:, c], 1) for c in range(a.shape[1])]),
    "float32": lambda a, b: (a.astype(np.float32) * b.astype(np.float32)).sum(0),
    "cumulated": lambda a, b: np.cumsum(a * b, axis=0)[-1],
    "torch": lambda a, b: (torch.from_numpy(a) * torch.from_numpy(b)).sum(0),
    "nested lists": lambda a, b: [math.fsum(map(float, c)) for c in (a * b).T],
}


def affine_gradients():
    for name, total in SUMS.items():
        yield name, lambda dy, x_hat, f=total: (f(dy, x_hat), f(dy, np.ones_like(dy)))
    yield "autograd", affine_by_autograd
    yield "in place on a copy", affine_in_place


def affine_by_autograd(dy, x_hat):
    gamma, beta = (torch.ones(dy.shape[1], dtype=torch.float64, requires_grad=True) for _ in range(2))
    (gamma * torch.from_numpy(x_hat) + beta).backward(torch.from_numpy(dy))
    return gamma.grad, beta.grad


def affine_in_place(dy, x_hat):
    product = dy.copy()
    product *= x_hat
    dgamma, dbeta = np.zeros(dy.shape[1]), np.zeros(dy.shape[1])
    for row, upstream in zip(product, dy, strict=True):
        dgamma += row
        dbeta += upstream
    return [dgamma, dbeta]


def staged_backwards():
    for name, total in SUMS.items():
        yield name, lambda *values, f=total: node_by_node(*values, lambda a, b: np.asarray(f(a, b)))
    for answer in (nodes_in_float32, nodes_by_autograd, nodes_with_keepdims, nodes_in_place):
        yield answer.__name__, answer


def node_by_node(dy, gamma, x_centered, std, total=SUMS["sum"]):
    n, ones = len(dy), np.ones_like(dy)
    dx_hat = dy * gamma
    dinv_std = total(dx_hat, x_centered)
    dstd = dinv_std * (-1.0) / (std * std)
    dvar = 0.5 * dstd / std
    dx_centered = dx_hat * (1 / std) + (dvar / n) * 2 * x_centered
    dmean = -total(dx_centered, ones)
    return dx_hat, dinv_std, dstd, dvar, dx_centered, dmean, dx_centered + ones * dmean / n


def nodes_in_float32(*values):
    return node_by_node(*(value.astype(np.float32) for value in values))


def nodes_with_keepdims(dy, gamma, x_centered, std):
    gamma, std = gamma[None], std[None]
    dx_hat = gamma * dy
    dinv_std = np.sum(dx_hat * x_centered, axis=0, keepdims=True)
    dstd = -dinv_std * std**-2
    dvar = dstd / std / 2
    dx_centered = dx_hat / std + x_centered * (2 * dvar) / dy.shape[0]
    dmean = np.sum(-dx_centered, axis=0, keepdims=True)
    dx = dx_centered + np.broadcast_to(dmean, dy.shape) / dy.shape[0]
    return [dx_hat, dinv_std[0], dstd[0], dvar[0], dx_centered, dmean[0], dx]


def nodes_in_place(dy, gamma, x_centered, std):
    dx_hat, dinv_std, dstd, dvar, dx_centered, dmean, _ = node_by_node(dy, gamma, x_centered, std)
    dx = dx_centered.copy()
    dx += dmean / len(dx)
    return dx_hat, dinv_std, dstd, dvar, dx_centered, dmean, dx


def nodes_by_autograd(dy, gamma, x_centered, std):
    """The gradients that PyTorch keeps at each node; any x with these distances from its mean will do."""
    dy, gamma, x_centered, std = (torch.from_numpy(value) for value in (dy, gamma, x_centered, std))
    eps = std**2 - (x_centered**2).mean(0)
    x = (x_centered + 5).requires_grad_()
    mean = x.mean(0)
    centered = x - mean
    var = (centered**2).mean(0)
    root = torch.sqrt(var + eps)
    inverse = 1 / root
    x_hat = centered * inverse
    nodes = [x_hat, inverse, root, var, centered, mean]
    for node in nodes:
        node.retain_grad()
    (gamma * x_hat).backward(dy)
    return tuple(node.grad for node in (*nodes, x))


STYLES = {"affine_gradients": dict(affine_gradients()), "staged_backward": dict(staged_backwards())}
