"""Four cubes, for five norms: which values of x share one mean. After the figure of Wu & He (2018)."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from .style import new_figure, style
from .style import role as look_of

__all__ = ["norm_cubes"]

SAMPLES, CHANNELS, PLACES = 4, 6, 4
BACK = np.array([0.45, 0.3])  # where the next sample is drawn, seen from the one before it

# The set of one value: that of the first sample in the last channel. (samples, channels) that belong to it.
SETS = {
    "BatchNorm": (SAMPLES, 1),
    "LayerNorm, RMSNorm": (1, CHANNELS),
    "InstanceNorm": (1, 1),
    "GroupNorm": (1, CHANNELS // 2),
}


def norm_cubes() -> Figure:
    """The batch x as a cube, once for each kind of set; blue are the values that share one mean.

    A row across is a channel axis C, a column the places H·W, and the samples N stand behind each other. In
    blue is one of the sets: the others lie beside it and are as large.

    >>> [ax.get_title() for ax in norm_cubes().axes]
    ['BatchNorm', 'LayerNorm, RMSNorm', 'InstanceNorm', 'GroupNorm']
    """
    figure, axes = new_figure(columns=len(SETS), size=(7.0, 2.0))
    with style():
        for ax, (norm, (samples, channels)) in zip(axes, SETS.items(), strict=True):
            shared = np.zeros((SAMPLES, CHANNELS), dtype=bool)
            shared[:samples, CHANNELS - channels :] = True
            _cube(ax, shared)
            ax.set_title(norm, loc="center")
    return figure


def _cube(ax: Axes, shared: np.ndarray) -> None:
    """The three faces in sight, cell by cell: front, right side, top."""
    right, up = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    _face(ax, np.zeros(2), right, up, np.repeat(shared[0, :, np.newaxis], PLACES, axis=1))
    _face(ax, CHANNELS * right, BACK, up, np.repeat(shared[:, -1:], PLACES, axis=1))
    _face(ax, PLACES * up, right, BACK, shared.T)
    ax.set_aspect("equal")
    ax.autoscale_view()
    ax.set_axis_off()
    words = {"ha": "center", "va": "top"}
    ax.text(CHANNELS / 2, -0.25, "C", **words)
    ax.text(-0.3, PLACES / 2, "H·W", rotation=90, ha="right", va="center")
    ax.text(*(CHANNELS * right + SAMPLES * BACK / 2 + [0.3, -0.15]), "N", ha="left", va="top")


def _face(ax: Axes, corner: np.ndarray, across: np.ndarray, up: np.ndarray, shared: np.ndarray) -> None:
    cells = [
        [corner + (i + di) * across + (j + dj) * up for di, dj in ((0, 0), (1, 0), (1, 1), (0, 1))]
        for i, j in np.ndindex(shared.shape)
    ]
    colors = np.where(shared.ravel(), look_of("with_bn").color, "#EDEDED")
    ax.add_collection(PolyCollection(cells, facecolors=colors, edgecolors="#777777", linewidths=0.8))
