"""What a function of core accepts, and what it says when it is given something else.

Every message names the argument, what was given, and what was expected.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import NamedTuple

import numpy as np

FLOATS = (np.float16, np.float32, np.float64)


def any_array(name: str, value) -> np.ndarray:
    """The value as a plain array, or a TypeError that names it where something would be lost."""
    if np.ma.is_masked(value):
        raise TypeError(f"{name} has masked values, expected none: fill them first, {name}.filled(...)")
    if getattr(value, "requires_grad", False):
        raise TypeError(f"{name} requires a gradient, which NumPy cannot record: give {name}.detach()")
    try:
        return np.asarray(value)
    except Exception as error:  # a ragged list, a tensor on a GPU: every library raises its own
        given = f"a {type(value).__name__} that NumPy cannot read"
        raise TypeError(f"{name} is {given}, expected an array of numbers: {error}") from error


def float_array(name: str, value) -> np.ndarray:
    """The value as an array of float16, float32 or float64, or a TypeError that names it."""
    array = any_array(name, value)
    if array.dtype not in FLOATS:
        raise TypeError(f"{name} has dtype {array.dtype}, expected float16, float32 or float64")
    return array


def batch(name: str, value) -> np.ndarray:
    """An array with a sample axis and at least one more."""
    array = float_array(name, value)
    if array.ndim < 2:
        raise ValueError(
            f"{name} has shape {array.shape}, expected at least 2 axes: (samples, channels) or more; "
            f"a single sample is given as {name}[np.newaxis]"
        )
    return array


def axis_of(x: np.ndarray, channel_axis: int) -> int:
    """channel_axis as a number from 0 to x.ndim - 1."""
    if not -x.ndim <= integer("channel_axis", channel_axis) < x.ndim:
        raise ValueError(
            f"channel_axis is {channel_axis}, expected {-x.ndim} to {x.ndim - 1} for x with shape {x.shape}"
        )
    return int(channel_axis) % x.ndim


def per_channel(name: str, value, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """One number for each channel of an x with this shape."""
    if value is None:
        raise TypeError(f"{name} is None, expected an array with one value for each channel")
    array = float_array(name, value)
    expected = (shape[axis],)
    if array.shape != expected:
        raise ValueError(
            f"{name} has shape {array.shape}, expected {expected}: "
            f"one value for each channel of x with shape {shape}"
        )
    return array


def upstream(name: str, value, shape: tuple[int, ...]) -> np.ndarray:
    """The gradient that arrives from above. It has the shape of the output."""
    array = float_array(name, value)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}: the shape of the last output")
    return array


def real_number(name: str, value) -> float:
    """The value as a Python float, or a TypeError that names it."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}, expected a real number")
    return float(value)


def integer(name: str, value) -> int:
    """The value as a Python int, or a TypeError that names it."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is {value!r}, expected an integer")
    return int(value)


def positive_integer(name: str, value) -> int:
    """The value as a Python int of at least 1."""
    if integer(name, value) < 1:
        raise ValueError(f"{name} is {value}, expected 1 or more")
    return int(value)


def shape(name: str, value) -> tuple[int, ...]:
    """A non-empty tuple of sizes; a single integer stands for one axis."""
    sizes = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if not sizes:
        raise ValueError(f"{name} is {value!r}, expected at least one size")
    return tuple(positive_integer(name, size) for size in sizes)


def float_dtype(name: str, value) -> np.dtype:
    """The value as one of the three dtypes."""
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = None
    if dtype not in FLOATS:
        raise TypeError(f"{name} is {value!r}, expected float16, float32 or float64")
    return dtype


def positive_eps(value) -> float:
    """eps for a pass that uses the statistics of the batch: their variance may be 0, so eps may not."""
    eps = real_number("eps", value)
    if not eps > 0:
        raise ValueError(f"eps is {eps}, expected a number above 0 when the batch's own variance is used")
    return eps


def non_negative_eps(value) -> float:
    """eps for a pass that uses stored statistics."""
    eps = real_number("eps", value)
    if not eps >= 0:
        raise ValueError(f"eps is {eps}, expected 0 or more")
    return eps


class Layout(NamedTuple):
    """How the caller wrote x and γ, so that the results can be given back in the same way.

    Inside core every x is (everything before the channels, channels, everything after them):
    (N, C) is (N, C, 1), NCHW is (N, C, H·W), NHWC is (N·H·W, C, 1).
    """

    shape: tuple[int, ...]
    axis: int  # of the channels
    dtype: np.dtype
    gamma_dtype: np.dtype

    @property
    def three_axes(self) -> tuple[int, int, int]:
        """The shape of x inside core: (before, C, after)."""
        before, after = self.shape[: self.axis], self.shape[self.axis + 1 :]
        return math.prod(before), self.shape[self.axis], math.prod(after)

    def restore(self, values: np.ndarray) -> np.ndarray:
        """y or dx with the shape and dtype of x."""
        return values.astype(self.dtype, copy=False).reshape(self.shape)

    def like_gamma(self, values: np.ndarray) -> np.ndarray:
        """dγ or dβ with the dtype of γ."""
        return values.astype(self.gamma_dtype, copy=False)

    def per_channel(self, name: str, value) -> np.ndarray:
        """A copy in float64 and as (C, 1), so that it meets x (before, C, after)."""
        return per_channel(name, value, self.shape, self.axis).astype(np.float64)[:, np.newaxis]


def of_batch_norm(x, gamma, beta, channel_axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, Layout]:
    """x as (before, C, after), a view where possible; γ and β as (C, 1), 1 and 0 for None; x's layout."""
    x = batch("x", x)
    axis = axis_of(x, channel_axis)
    gamma_dtype = np.result_type(x, np.float32) if gamma is None else float_array("gamma", gamma).dtype
    layout = Layout(x.shape, axis, x.dtype, gamma_dtype)
    gamma = layout.per_channel("gamma", np.ones(x.shape[axis]) if gamma is None else gamma)
    beta = layout.per_channel("beta", np.zeros(x.shape[axis]) if beta is None else beta)
    return x.reshape(layout.three_axes), gamma, beta, layout


def refuse_single_values(x: np.ndarray, layout: Layout) -> None:
    """A single value a channel has no variance."""
    if x.shape[0] * x.shape[2] == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {layout.shape}"
        )


def of_type(kind: type | tuple[type, ...], name: str, value, expected: str) -> None:
    """The value must be of this type."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {type(value).__name__}, expected {expected}")
