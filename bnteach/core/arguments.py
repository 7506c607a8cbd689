"""What a function of core accepts, and what it says when it is given something else.

Every message names the argument, what was given, and what was expected.
"""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

FLOATS = (np.float16, np.float32, np.float64)


def float_array(name: str, value) -> np.ndarray:
    """The value as an array of float16, float32 or float64, or a TypeError that names it."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # a ragged list, a tensor that needs a gradient
        raise TypeError(f"{name} cannot be read as an array: {error}") from error
    if array.dtype not in FLOATS:
        raise TypeError(f"{name} has dtype {array.dtype}, expected float16, float32 or float64")
    return array


def batch(name: str, value) -> np.ndarray:
    """An array with a sample axis and at least one more."""
    array = float_array(name, value)
    if array.ndim < 2:
        raise ValueError(
            f"{name} has shape {array.shape}, expected at least 2 axes: (samples, channels) or more"
        )
    return array


def axis_of(x: np.ndarray, channel_axis: int) -> int:
    """channel_axis as a number from 0 to x.ndim - 1."""
    if not -x.ndim <= integer("channel_axis", channel_axis) < x.ndim:
        raise ValueError(
            f"channel_axis is {channel_axis}, expected {-x.ndim} to {x.ndim - 1} for x with shape {x.shape}"
        )
    return int(channel_axis) % x.ndim


def per_channel(name: str, value, x: np.ndarray, axis: int) -> np.ndarray | None:
    """One number for each channel of x. None is passed through: it stands for "not there"."""
    return None if value is None else required_per_channel(name, value, x, axis)


def required_per_channel(name: str, value, x: np.ndarray, axis: int) -> np.ndarray:
    """One number for each channel of x."""
    if value is None:
        raise TypeError(f"{name} is None, expected an array with one value for each channel")
    array = float_array(name, value)
    expected = (x.shape[axis],)
    if array.shape != expected:
        raise ValueError(
            f"{name} has shape {array.shape}, expected {expected}: "
            f"one value for each channel of x with shape {x.shape}"
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


def channels_in_the_middle(x: np.ndarray, axis: int) -> np.ndarray:
    """x seen as (everything before the channels, channels, everything after them).

    Every layout becomes this one: (N, C) is (N, C, 1), NCHW is (N, C, H·W), NHWC is (N·H·W, C, 1).
    A view of x wherever NumPy can make one, else a copy.
    """
    return x.reshape(math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))
