"""Feature maps of real digits under each norm, for the lab of axes: without a widget or a picture."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import bnteach
from bnteach.data import digits

__all__ = ["CHANNELS", "GROUPS", "SAMPLES", "filtered", "normalized", "pictures"]

SAMPLES, GROUPS = 3, 2

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
def pictures(sample: int = 1, contrast: float = 1.0) -> np.ndarray:
    """The first three digits of the test set, (3, 8, 8), gray values in [0, 1].

    Args:
        sample: which of them is dimmed, from 1.
        contrast: what its gray values are multiplied by.
    """
    found = digits(dtype=np.float64).images().x_test[:SAMPLES, 0].copy()
    found[sample - 1] *= contrast
    return _kept(found)


@lru_cache(maxsize=16)
def filtered(sample: int = 1, contrast: float = 1.0) -> np.ndarray:
    """What a convolution with the four filters makes of them, no padding, (3, 4, 6, 6)."""
    windows = sliding_window_view(pictures(sample, contrast), (3, 3), axis=(1, 2))
    return _kept(np.einsum("nhwij,cij->nchw", windows, FILTERS))


@lru_cache(maxsize=64)
def normalized(norm: str, sample: int = 1, contrast: float = 1.0) -> np.ndarray:
    """These maps after "batch", "layer", "instance" or "group" normalization, (3, 4, 6, 6).

    >>> bool(abs(normalized("batch").mean(axis=(0, 2, 3))).max() < 1e-12)
    True
    """
    maps = filtered(sample, contrast)
    layers = {
        "batch": bnteach.BatchNorm(CHANNELS),
        "layer": bnteach.LayerNorm(maps.shape[1:]),
        "instance": bnteach.InstanceNorm(CHANNELS),
        "group": bnteach.GroupNorm(GROUPS, CHANNELS),
    }
    return _kept(layers[norm].forward(maps))


def _kept(values: np.ndarray) -> np.ndarray:
    """The same array, protected: it will be handed out again."""
    values.flags.writeable = False
    return values
