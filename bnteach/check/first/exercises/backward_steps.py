"""The steps of the compact backward pass, shared by the function and the class."""

from __future__ import annotations

COMPACT = {
    "dx_hat": lambda dy, gamma: dy * gamma,
    "along_mean": lambda dx_hat: dx_hat.mean(axis=0),
    "along_x_hat": lambda dx_hat, x_hat: x_hat * (dx_hat * x_hat).mean(axis=0),
    "factor": lambda inv_std: inv_std,
    "dx": lambda dx_hat, along_mean, along_x_hat, factor: factor * (dx_hat - along_mean - along_x_hat),
    "dgamma": lambda dy, x_hat: (dy * x_hat).sum(axis=0),
    "dbeta": lambda dy: dy.sum(axis=0),
}
