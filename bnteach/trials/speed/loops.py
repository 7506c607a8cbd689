"""Batch normalization as plain loops over numbers: slow in Python, and what Numba compiles in lesson 13b.

x, y, dy and dx: (samples, channels, positions). gamma and beta: (1, channels, 1). The numbers stay in float64
until `forward` writes them to y, and `backward` to dx.
"""

from __future__ import annotations

import numpy as np

__all__ = ["backward", "forward"]


def forward(x, gamma, beta, y):
    """For each channel: its mean, then its variance, then y. Returns what `backward` needs."""
    N, C, L = x.shape
    means, inv_stds = np.empty(C), np.empty(C)
    for c in range(C):
        total = squares = np.float64(0)
        for n in range(N):
            for i in range(L):
                total += x[n, c, i]
        mean = total / (N * L)
        for n in range(N):
            for i in range(L):
                squares += (x[n, c, i] - mean) ** 2
        means[c], inv_stds[c] = mean, 1 / np.sqrt(squares / (N * L) + 1e-5)
        scale, shift = gamma[0, c, 0] * inv_stds[c], beta[0, c, 0]
        for n in range(N):
            for i in range(L):
                y[n, c, i] = (x[n, c, i] - mean) * scale + shift
    return means, inv_stds


def backward(dy, x, gamma, kept, dx):
    """For each channel: the two sums, then dx. Returns dgamma and dbeta."""
    N, C, L = x.shape
    dgamma, dbeta = np.empty(C), np.empty(C)
    for c in range(C):
        mean, inv_std = kept[0][c], kept[1][c]
        total = products = np.float64(0)
        for n in range(N):
            for i in range(L):
                total += dy[n, c, i]
                products += dy[n, c, i] * (x[n, c, i] - mean)
        dgamma[c], dbeta[c] = products * inv_std, total
        scale = gamma[0, c, 0] * inv_std
        through_mean, slope = total / (N * L), products * inv_std**2 / (N * L)
        for n in range(N):
            for i in range(L):
                dx[n, c, i] = scale * (dy[n, c, i] - through_mean - slope * (x[n, c, i] - mean))
    return dgamma, dbeta
