"""Right answers of the backward pass in many styles."""

import numpy as np
import torch

import bnteach
from styles_forward import MOMENTS


def pieces(x, eps, moments=MOMENTS["methods"]):
    mean, var = moments(x)
    inv_std = 1 / np.sqrt(var + eps)
    return (x - mean) * inv_std, inv_std


def compact(dy, x, gamma, eps, moments=MOMENTS["methods"]):
    x_hat, inv_std = pieces(x, eps, moments)
    dx_hat = dy * gamma
    dx = (dx_hat - dx_hat.mean(0) - x_hat * (dx_hat * x_hat).mean(0)) * inv_std
    return dx, (dy * x_hat).sum(0), dy.sum(0)


def with_sums(dy, x, gamma, eps):
    x_hat, inv_std = pieces(x, eps)
    m, dgamma, dbeta = len(x), (dy * x_hat).sum(axis=0), dy.sum(axis=0)
    return gamma * inv_std / m * (m * dy - dbeta - x_hat * dgamma), dgamma, dbeta


def staged(dy, x, gamma, eps):
    m, mean = len(x), x.mean(0)
    xmu = x - mean
    sqrt_var = np.sqrt((xmu**2).mean(0) + eps)
    inv_var = 1.0 / sqrt_var
    dbeta, dgamma, dx_hat = np.sum(dy, 0), np.sum(dy * xmu * inv_var, 0), dy * gamma
    d_inv_var = np.sum(dx_hat * xmu, axis=0)
    d_var = 0.5 / sqrt_var * (-1 / sqrt_var**2) * d_inv_var
    d_xmu = dx_hat * inv_var + 2 * xmu * np.ones_like(dy) / m * d_var
    d_mean = -np.sum(d_xmu, axis=0)
    return d_xmu + np.ones_like(dy) * d_mean / m, dgamma, dbeta


def as_in_the_paper(dy, x, gamma, eps):
    m, mean, var = x.shape[0], x.mean(axis=0), x.var(axis=0)
    d_hat = dy * gamma
    d_var = np.sum(d_hat * (x - mean) * -0.5 * (var + eps) ** (-1.5), axis=0)
    d_mean = np.sum(-d_hat / np.sqrt(var + eps), axis=0) + d_var * np.mean(-2 * (x - mean), axis=0)
    dx = d_hat / np.sqrt(var + eps) + d_var * 2 * (x - mean) / m + d_mean / m
    return dx, np.sum(dy * (x - mean) / np.sqrt(var + eps), axis=0), np.sum(dy, axis=0)


def by_projection(dy, x, gamma, eps):
    """Channel by channel with the Jacobian, a matrix (N, N)."""
    x_hat, inv_std = pieces(x, eps)
    n, dx = len(x), np.empty_like(dy)
    for c in range(x.shape[1]):
        h = x_hat[:, c]
        jacobian = inv_std[c] * (np.eye(n) - np.ones((n, n)) / n - np.outer(h, h) / n)
        dx[:, c] = jacobian @ (gamma[c] * dy[:, c])
    return dx, np.einsum("nc,nc->c", dy, x_hat), np.einsum("nc->c", dy)


def by_autograd(dy, x, gamma, eps, dtype=torch.float64):
    x, gamma = (torch.tensor(value, dtype=dtype, requires_grad=True) for value in (x, gamma))
    beta = torch.zeros_like(gamma, requires_grad=True)
    y = gamma * (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + eps) + beta
    y.backward(torch.tensor(dy, dtype=dtype))
    return x.grad, gamma.grad, beta.grad


def by_layer(dy, x, gamma, eps):
    layer = torch.nn.BatchNorm1d(x.shape[1], eps=eps, dtype=torch.float64)
    layer.weight.data = torch.tensor(gamma)
    x = torch.tensor(x, requires_grad=True)
    layer(x).backward(torch.tensor(dy))
    return x.grad, layer.weight.grad, layer.bias.grad


def by_the_package(dy, x, gamma, eps):
    _, cache = bnteach.batch_norm_forward(x, gamma, 0 * gamma, eps=eps)
    return bnteach.batch_norm_backward(dy, cache)


def in_float32(dy, x, gamma, eps):
    return compact(*(value.astype(np.float32) for value in (dy, x, gamma)), np.float32(eps))


def in_place(dy, x, gamma, eps):
    x_hat, inv_std = pieces(x, eps)
    dgamma, dbeta, dx = (dy * x_hat).sum(0), dy.sum(0), dy.copy()
    dx -= dbeta / len(x)
    dx -= x_hat * (dgamma / len(x))
    dx *= gamma * inv_std
    return dx, dgamma, dbeta


def by_entries(dy, x, gamma, eps):
    x_hat, inv_std = pieces(x, eps)
    n, channels = x.shape
    dx, dgamma, dbeta = np.zeros_like(x), np.zeros(channels), np.zeros(channels)
    for c in range(channels):
        for i in range(n):
            dgamma[c] += dy[i, c] * x_hat[i, c]
            dbeta[c] += dy[i, c]
        for i in range(n):
            dx[i, c] = gamma[c] * inv_std[c] * (dy[i, c] - dbeta[c] / n - x_hat[i, c] * dgamma[c] / n)
    return [dx, dgamma, dbeta]


def backwards():
    for name, moments in MOMENTS.items():
        yield f"compact, {name}", lambda dy, x, gamma, eps, m=moments: compact(dy, x, gamma, eps, m)
    for answer in (
        with_sums,
        staged,
        as_in_the_paper,
        by_projection,
        by_autograd,
        by_layer,
        by_the_package,
        in_float32,
        in_place,
        by_entries,
    ):
        yield answer.__name__, answer
    yield "autograd in float32", lambda *values: by_autograd(*values, dtype=torch.float32)
    yield "Fortran order", lambda *values: tuple(map(np.asfortranarray, with_sums(*values)))


STYLES = {"batch_norm_backward": dict(backwards())}
