"""A small batch made of real digits, and what each norm makes of it, for the lab of axes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import bnteach
from bnteach.data import digits

__all__ = ["CHANNELS", "GROUPS", "SAMPLES", "H", "W", "filtered", "normalized", "pictures"]

SAMPLES, GROUPS, H, W = 3, 2, 2, 3

# Four channels: left and right edges, upper and lower edges, the mean of nine pixels, spots.
FILTERS = np.array(
    [
        [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
        [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
        [[1 / 9, 1 / 9, 1 / 9], [1 / 9, 1 / 9, 1 / 9], [1 / 9, 1 / 9, 1 / 9]],
        [[0, -1, 0], [-1, 4, -1], [0, -1, 0]],
    ]
)
CHANNELS = len(FILTERS)


@lru_cache(maxsize=16)
def pictures(sample: int = 0, contrast: float = 1.0) -> np.ndarray:
    """The first three digits of the test set, (3, 8, 8), gray values 0 to 1; one, from 0, is dimmed."""
    found = digits(dtype=np.float64).images().x_test[:SAMPLES, 0].copy()
    found[sample] *= contrast
    return _kept(found)


@lru_cache(maxsize=16)
def filtered(sample: int = 0, contrast: float = 1.0) -> np.ndarray:
    """A small batch x, (3, 4, 2, 3): the digits through a convolution with the four filters, then pooled.

    The convolution has no padding and gives 6 x 6 values a filter; each 3 x 2 of them become their mean.
    """
    windows = sliding_window_view(pictures(sample, contrast), (3, 3), axis=(1, 2))
    maps = np.einsum("nhwij,cij->nchw", windows, FILTERS)
    return _kept(maps.reshape(SAMPLES, CHANNELS, H, 3, W, 2).mean(axis=(3, 5)))


@lru_cache(maxsize=64)
def normalized(norm: str, sample: int = 0, contrast: float = 1.0) -> np.ndarray:
    """This batch after "batch", "layer", "instance" or "group" normalization, (3, 4, 2, 3).

    >>> bool(abs(normalized("batch").mean(axis=(0, 2, 3))).max() < 1e-12)
    True
    """
    x = filtered(sample, contrast)
    layers = {
        "batch": bnteach.BatchNorm(CHANNELS),
        "layer": bnteach.LayerNorm(x.shape[1:]),
        "instance": bnteach.InstanceNorm(CHANNELS),
        "group": bnteach.GroupNorm(GROUPS, CHANNELS),
    }
    return _kept(layers[norm].forward(x))


def _kept(values: np.ndarray) -> np.ndarray:
    """The same array, protected: it will be handed out again."""
    values.flags.writeable = False
    return values
