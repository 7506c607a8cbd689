"""How close is close enough: what rounding can do to each of the nine quantities.

The reference is PyTorch in float64, also for a float32 layer, because PyTorch's own float32 statistics lose
digits where the mean is large. A tolerance has two parts:

* the *scale* of a quantity: the size of the terms that are added up in it. Rounding errors are
  proportional to that size, not to the result: in dx the terms often cancel.
* the *share* of the scale that is allowed: one rounding to the dtype of the result, and 16 roundings in
  the dtype of the computation. bnteach stays below 2; sums in plain float32 of large batches do not.

x̂ needs one thing more. Where x lies far from 0, x − μ is a small difference of large numbers, and both
sides can only know it up to a *blur*: in float64, a sum of m values knows μ to about √m roundings of |x|.

The most delicate fault is n − 1 in place of n. It changes y, dx and dgamma by 1 / (2m) of their size. In
float32, y and dx show it up to about m = 200 000 values a channel. dgamma is a sum whose terms cancel: it
shows it up to about m = 4 000.
"""

from __future__ import annotations

import numpy as np

from bnteach.torch_bridge.reference import Answers, as_ncl

__all__ = ["allowed_share", "scales"]


def allowed_share(result: np.dtype, x: np.dtype) -> float:
    """The relative error that is allowed: one rounding of the result, 16 of the computation."""
    return float(np.finfo(result).eps) + 16 * _rounding(x)


def scales(bn, x: np.ndarray, dy: np.ndarray, share: float, statistics: Answers | None = None) -> Answers:
    """The scale of each quantity in one pass, with these running statistics, or with the batch's own.

    Inside, x, dy and x̂ are (samples, channels, the rest) and all else is (channels, 1), in float64.
    """
    rounding = _rounding(x.dtype)
    x, dy = (as_ncl(array, bn.channel_axis).astype(np.float64) for array in (x, dy))
    mean, var = _mean(x), _mean((x - _mean(x)) ** 2)
    if statistics:
        mean, var = (statistics[name].astype(float)[:, None] for name in ("running_mean", "running_var"))
    inv_std = 1 / np.sqrt(var + bn.eps)
    largest = np.abs(x).max((0, 2), initial=0)[:, None]
    m = x.size / max(1, x.shape[1])
    blur = (4 * rounding**2 + 8 * np.finfo(np.float64).eps * np.sqrt(m)) * largest / share  # of x − μ
    # A variance is at least as uncertain as the square of a rounded mean.
    least = (16 * rounding * largest) ** 2 + share * blur**2
    own = _of_one_pass(bn, np.abs((x - mean) * inv_std), np.abs(dy), inv_std, blur * inv_std)
    return own | _of_running_statistics(bn, _mean(np.abs(x)) + blur, 2 * var + var**0.5 * blur + least)


def _of_one_pass(bn, x_hat, dy, inv_std, blur) -> Answers:
    gamma, beta = (
        (1, 0) if bn.gamma is None else (np.abs(p.astype(float))[:, None] for p in (bn.gamma, bn.beta))
    )
    x_hat = x_hat + np.sqrt(_mean(x_hat**2)) + blur * (1 + x_hat)
    dy_around = dy + np.sqrt(_mean(dy**2)) * (1 + x_hat)
    return {
        "y": gamma * x_hat + beta,
        "dx": gamma * inv_std * dy_around * (1 + blur),
        "dgamma": (dy * x_hat).sum((0, 2)),
        "dbeta": dy.sum((0, 2)),
    }


def _of_running_statistics(bn, mean: np.ndarray, var: np.ndarray) -> Answers:
    """Of what stays of the old ones, and of what comes from this batch."""
    if not bn.track_running_stats:
        return {}
    new = 1 / (1 + int(bn.num_batches_tracked)) if bn.momentum is None else bn.momentum
    come = {"running_mean": mean[:, 0], "running_var": var[:, 0]}
    return {name: np.abs((1 - new) * getattr(bn, name)) + abs(new) * value for name, value in come.items()}


def _rounding(x: np.dtype) -> float:
    """The rounding unit of the computation: float16 is computed in float32."""
    return float(np.finfo(np.result_type(x, np.float32)).eps)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over samples and the rest, (C, 1); 0 for an empty batch."""
    return values.sum((0, 2))[:, None] / max(1, values.size / max(1, values.shape[1]))
