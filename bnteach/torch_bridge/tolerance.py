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

from dataclasses import dataclass

import numpy as np

from bnteach.torch_bridge.reference import Answers, as_ncl

__all__ = ["Sizes", "allowed_share", "pass_scales", "running_scales"]


def allowed_share(result: np.dtype, x: np.dtype) -> float:
    """The relative error that is allowed: one rounding of the result, 16 of the computation."""
    computation = np.result_type(x, np.float32)  # float16 is computed in float32
    return float(np.finfo(result).eps + 16 * np.finfo(computation).eps)


@dataclass(frozen=True)
class Sizes:
    """How large the numbers in one pass are, in float64.

    "Per value" means shape (samples, channels, the rest), "per channel" (channels, 1).

    Attributes:
        x, xhat, dy: absolute values, per value.
        gamma, beta: absolute values, per channel; 1 and 0 where the layer has none.
        var, inv_std: σ² and 1 / √(σ² + ε) that the pass divides by, per channel.
        eps: the rounding unit of the computation.
    """

    x: np.ndarray
    xhat: np.ndarray
    dy: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    var: np.ndarray
    inv_std: np.ndarray
    eps: float

    @classmethod
    def of(cls, bn, x: np.ndarray, dy: np.ndarray, statistics: Answers | None = None) -> Sizes:
        """Sizes of a pass with the running statistics given, or with the batch's own if there are none."""
        eps = float(np.finfo(np.result_type(x, np.float32)).eps)
        x, dy = (as_ncl(array, bn.channel_axis).astype(np.float64) for array in (x, dy))
        if statistics is None:
            mean, var = _mean(x), _mean((x - _mean(x)) ** 2)
        else:
            mean, var = (statistics[name].astype(float)[:, None] for name in ("running_mean", "running_var"))
        inv_std = 1 / np.sqrt(var + bn.eps)
        one, zero = np.ones(x.shape[1]), np.zeros(x.shape[1])
        gamma, beta = (one, zero) if bn.gamma is None else (bn.gamma.astype(float), bn.beta.astype(float))
        xhat = (x - mean) * inv_std
        return cls(*map(np.abs, (x, xhat, dy, gamma[:, None], beta[:, None], var, inv_std)), eps)

    @property
    def blur(self) -> np.ndarray:
        """How well x − μ can be known, (C, 1), in the units of x."""
        m = self.x.size / max(1, self.x.shape[1])
        largest = self.x.max((0, 2), keepdims=True, initial=0)[0]
        return (4 * self.eps**2 + 8 * np.finfo(np.float64).eps * np.sqrt(m)) * largest


def pass_scales(sizes: Sizes, share: float) -> Answers:
    """The scales of y, dx, dgamma and dbeta in one pass, blur included."""
    blur = sizes.blur * sizes.inv_std / share
    xhat = sizes.xhat + np.sqrt(_mean(sizes.xhat**2)) + blur * (1 + sizes.xhat)
    dy = sizes.dy + np.sqrt(_mean(sizes.dy**2)) * (1 + xhat)
    return {
        "y": sizes.gamma * xhat + sizes.beta,
        "dx": sizes.gamma * sizes.inv_std * dy * (1 + blur),
        "dgamma": (sizes.dy * xhat).sum((0, 2)),
        "dbeta": sizes.dy.sum((0, 2)),
    }


def running_scales(bn, sizes: Sizes, share: float) -> Answers:
    """The scales of the running statistics after a training pass: of what stays and of what comes."""
    new = 1 / (1 + int(bn.num_batches_tracked)) if bn.momentum is None else bn.momentum
    blur = sizes.blur[:, 0] / share
    # A variance is at least as uncertain as the square of a rounded mean.
    least = (16 * sizes.eps * sizes.x.max((0, 2), initial=0)) ** 2 + share * blur**2
    var = sizes.var[:, 0]
    return {
        "running_mean": np.abs((1 - new) * bn.running_mean) + abs(new) * (_mean(sizes.x)[:, 0] + blur),
        "running_var": np.abs((1 - new) * bn.running_var) + abs(new) * (2 * var + var**0.5 * blur + least),
    }


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over samples and the rest, (C, 1); 0 for an empty batch."""
    return values.sum((0, 2))[:, None] / max(1, values.size / max(1, values.shape[1]))
