"""Nine quantities of a NumPy batch normalization layer, held against PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial

import numpy as np

from bnteach.core import arguments
from bnteach.core.layers import BatchNorm
from bnteach.torch_bridge.reference import (
    Answers,
    as_ncl,
    numpy_evaluation,
    numpy_training,
    torch_evaluation,
    torch_training,
)
from bnteach.torch_bridge.report import Comparison, Row
from bnteach.torch_bridge.tolerance import allowed_share, scales

__all__ = ["compare"]

TRAINING = ("y", "dx", "dgamma", "dbeta", "running_mean", "running_var")
EVALUATION = ("y", "dx", "dgamma")


@np.errstate(all="ignore")  # nan and inf are compared, not warned about
def compare(bn: BatchNorm, x: np.ndarray, dy: np.ndarray) -> Comparison:
    """Hold a NumPy batch normalization layer against `torch.nn.BatchNorm`, in nine quantities.

    One training pass, forward and backward, gives y, dx, dgamma, dbeta, running_mean and running_var; one
    evaluation pass gives y, dx and dgamma. Both sides start from the state of `bn`. Both evaluation passes
    take the running statistics that PyTorch's training pass left, so that a fault in updating them
    shows in its own rows and nowhere else.

    What surprises:

    * The judge is PyTorch in float64, also for float32 data. PyTorch's own float32 result can be further
      from the truth than bnteach's; the last column says how far.
    * Small batches show more. With m values a channel, n − 1 in place of n changes y by 1 / (2m): in float32
      nobody can see it above m = 200 000.
    * A comparison is as good as its data. dy must be random: with all ones, dx is 0 whatever you wrote.
      Take at least three samples, x off center, γ and β away from 1 and 0.

    Args:
        bn: a `bnteach.BatchNorm` or a subclass, in any state and with any options. Copies of it do the work.
        x: a batch in the layout of `bn.channel_axis`. It is not changed.
        dy: the gradient with respect to y, shape of x. It is not changed.

    Returns:
        Comparison: `.agrees`, `.rows`, and a table as text (print it) and as HTML (show it).

    Raises:
        ValueError: dy has not the shape of x, or bn refuses x (the errors of `BatchNorm.forward`).
        TypeError: bn is no `bnteach.BatchNorm`, or x or dy is not float16, float32 or float64.

    Example:
        >>> random = np.random.default_rng(0)
        >>> x, dy = random.normal(3, 2, (8, 4)), random.normal(size=(8, 4))
        >>> bn = BatchNorm(4, dtype=np.float64)
        >>> compare(bn, x, dy).agrees
        True
        >>> print(compare(bn, x, dy).rows[0].verdict)
        agrees
    """
    arguments.of_type(
        BatchNorm, "bn", bn, "a bnteach.BatchNorm (load a PyTorch layer's state_dict() into one)"
    )
    x, dy = arguments.float_array("x", x), arguments.float_array("dy", dy)
    if dy.shape != x.shape:
        raise ValueError(f"dy has shape {dy.shape}, expected {x.shape}: the shape of x")
    bn = _with_arrays(bn)
    ours = numpy_training(bn, x, dy)  # first, so that its errors are the layer's own
    exact = torch_training(bn, x, dy, np.float64)
    statistics = _as_stored(bn, exact)
    evaluation = [
        numpy_evaluation(bn, x, dy, statistics),
        torch_evaluation(bn, x, dy, np.float64, statistics),
    ]
    plain = [{}, {}]
    if x.dtype != np.float64:
        plain = [
            torch_training(bn, x, dy, np.float32),
            torch_evaluation(bn, x, dy, np.float32, statistics),
        ]
    scales_in_training = partial(scales, bn, x, dy)
    scales_in_evaluation = partial(scales, bn, x, dy, statistics=statistics)
    rows = [
        *_rows("training", TRAINING, bn, x, ours, exact, plain[0], scales_in_training),
        *_rows("evaluation", EVALUATION, bn, x, *evaluation, plain[1], scales_in_evaluation),
    ]
    return Comparison(tuple(rows), dtype=x.dtype.name)


def _with_arrays(bn: BatchNorm) -> BatchNorm:
    """A copy whose state is arrays, also where lists or tensors were set."""
    bn = copy.deepcopy(bn)
    for name in ("gamma", "beta", "running_mean", "running_var"):
        value = getattr(bn, name)
        setattr(bn, name, None if value is None else arguments.float_array(name, value))
    return bn


def _as_stored(bn: BatchNorm, exact: Answers) -> Answers:
    """PyTorch's float64 running statistics, rounded to the dtype in which `bn` keeps them."""
    if not bn.track_running_stats:
        return {}
    return {name: exact[name].astype(getattr(bn, name).dtype) for name in ("running_mean", "running_var")}


def _rows(mode, names, bn, x, ours, exact, plain, scales_for) -> Iterator[Row]:
    for name in names:
        yield _row(mode, name, bn, x, ours[name], exact[name], plain.get(name), scales_for)


def _row(mode, name, bn, x, ours, exact, plain, scales_for) -> Row:
    if ours is None or exact is None:
        fault = "" if ours is exact else ": it is missing" if ours is None else ": PyTorch has none"
        return Row(mode, name, None, fault, None)
    ours = np.asarray(ours)
    shape, dtype = _expected(bn, x, name)
    if ours.shape != shape:
        return Row(mode, name, None, f": shape {ours.shape}, expected {shape}", None)
    if ours.dtype != dtype:
        return Row(mode, name, None, f": dtype {ours.dtype}, expected {dtype}", None)
    share = allowed_share(dtype, x.dtype)
    scale = scales_for(share=share)[name]
    ours = as_ncl(ours, bn.channel_axis) if shape == x.shape else ours
    error = _error(ours, exact, scale)
    torch_error = None if plain is None else _error(plain.astype(dtype), exact, scale)
    return Row(mode, name, error, "" if error <= share else f" by {error:.0e}", torch_error)


def _expected(bn: BatchNorm, x: np.ndarray, name: str) -> tuple[tuple[int, ...], np.dtype]:
    if name in ("y", "dx"):
        return x.shape, x.dtype
    stored = bn.gamma if name in ("dgamma", "dbeta") else getattr(bn, name)
    return (bn.num_features,), stored.dtype


def _error(ours: np.ndarray, exact: np.ndarray, scale: np.ndarray) -> float:
    """The largest difference as a share of the scale. nan equals nan, and nothing else does."""
    tiny = np.finfo(ours.dtype).smallest_subnormal
    # Through the dtype of the result, so that what is too large for it becomes inf here too.
    exact = exact.astype(ours.dtype).astype(np.float64)
    same = (ours == exact) | (np.isnan(ours) & np.isnan(exact))
    difference = np.abs(ours.astype(np.float64) - exact)
    share = np.maximum(difference - tiny, 0) / scale
    share = np.where(same | (difference <= tiny), 0, np.where(np.isnan(share), np.inf, share))
    return float(share.max(initial=0))
