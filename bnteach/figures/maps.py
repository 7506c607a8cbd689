"""The values of a batch with channels: which of them share one mean, and feature maps beside each other."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle

from .matrices import SIGNED
from .numbers import numbers
from .style import new_axes
from .style import role as look_of

__all__ = ["blocks", "feature_maps", "gray_pictures", "shared_values", "small_table"]

MAP_SIDE = 0.88  # of the place of a map; the rest is the gap to the next one


def blocks(samples: int, rows: int, columns: int, *, ax: Axes | None = None) -> Axes:
    """Empty cells, a block for each sample: (n, r, c) has its corner at x = n · (columns + 1) + c, y = r."""
    ax = new_axes(ax)
    _cells(ax, np.ones((samples, rows, columns), dtype=bool), "#DDDDDD")
    ax.set(xlim=(-0.1, samples * (columns + 1) - 0.9), ylim=(rows + 0.05, -0.05))
    middles = [sample * (columns + 1) + columns / 2 for sample in range(samples)]
    ax.set_xticks(middles, [f"sample {sample}" for sample in range(samples)])
    ax.set_yticks(np.arange(rows) + 0.5, range(rows))
    ax.grid(False)
    return ax


def shared_values(shared, chosen: tuple[int, int, int], *, ax: Axes) -> Axes:
    """Fill the cells (samples, rows, columns) of `blocks` that share one mean with the chosen cell."""
    shared = np.asarray(shared)
    _cells(ax, shared, look_of("with_bn").color)
    sample, row, column = chosen
    moved, x = look_of("moved"), sample * (shared.shape[2] + 1) + column + 0.5
    ax.plot(x, row + 0.5, marker=moved.marker, ms=10, color=moved.color, mec="white", mew=1.5, zorder=4)
    return ax


def small_table(values, *, corner: tuple[float, float], is_colored: bool, ax: Axes) -> Axes:
    """Cells with their numbers (rows, columns), y downward; blue or gray."""
    values, (left, top) = np.asarray(values), corner
    rows, columns = values.shape
    color = ListedColormap(["#BFE3F7" if is_colored else "#EDEDED"])
    edges = left + np.arange(columns + 1), top + np.arange(rows + 1)
    ax.pcolormesh(*edges, np.ones(values.shape), cmap=color, edgecolors="white", linewidth=1)
    row, column = np.indices(values.shape).reshape(2, -1) + 0.5
    numbers([f"{value:g}" for value in values.flat], left + column, top + row, ax=ax)
    ax.grid(False)
    return ax


def feature_maps(maps, *, limit: float, framed, digits=None, ax: Axes | None = None) -> Axes:
    """Feature maps: a row for each sample, a column for each channel. White is 0, blue above, orange below.

    Args:
        maps: (samples, channels, height, width).
        limit: the size at which a color is full.
        framed: (samples, channels), True for the maps with a black frame.
        digits: (samples, height, width), the pictures themselves in gray, from 0 to 1, left of the maps.
        ax: where to draw; None makes a figure.

    Returns:
        The axes. Map (n, c) has its corner at (c, n), y downward; the digits are in column −1.

    >>> ax = feature_maps(np.zeros((1, 2, 6, 6)), limit=1, framed=[[True, False]])
    """
    ax, framed = new_axes(ax), np.asarray(framed)
    _mosaic(ax, np.asarray(maps), 0, cmap=SIGNED, vmin=-limit, vmax=limit)
    if digits is not None:
        gray_pictures(digits, left=-1.15, ax=ax)
        _outlines(ax, [(-1.15, n) for n in range(len(digits))], "#AAAAAA", 1)
    for which, color, linewidth in [(~framed, "#AAAAAA", 1), (framed, "black", 3)]:
        _outlines(ax, [(c, n) for n, c in np.argwhere(which)], color, linewidth)
    return ax


def gray_pictures(pictures, *, left: float, ax: Axes) -> Axes:
    """Pictures (n, height, width), gray values 0 to 1, below each other; picture n begins at (left, n)."""
    _mosaic(ax, np.asarray(pictures)[:, np.newaxis], left, cmap="gray_r", vmin=0, vmax=1)
    return ax


def _outlines(ax: Axes, corners: list[tuple[float, float]], color: str, linewidth: float) -> None:
    """The edges of the maps with these corners."""
    frames = [Rectangle(corner, MAP_SIDE, MAP_SIDE) for corner in corners]
    outline = {"facecolors": "none", "edgecolors": color, "linewidths": linewidth, "zorder": 2}
    ax.add_collection(PatchCollection(frames, **outline))


def _cells(ax: Axes, chosen: np.ndarray, color: str) -> None:
    """A cell for each True, with a column left free between two samples."""
    samples, rows, columns = chosen.shape
    cells = np.full((rows, samples, columns + 1), np.nan)
    cells[:, :, :columns] = np.where(chosen, 1, np.nan).transpose(1, 0, 2)
    edges = np.arange(samples * (columns + 1) + 1), np.arange(rows + 1)
    look = {"cmap": ListedColormap([color]), "edgecolors": "white", "linewidth": 1.5, "zorder": 1}
    ax.pcolormesh(*edges, cells.reshape(rows, -1), **look)


def _mosaic(ax: Axes, maps: np.ndarray, left: float, **colors) -> None:
    """All maps as one mesh: a gap is a row or a column of cells without a color."""
    samples, channels, height, width = maps.shape
    cells = np.full((samples, height + 1, channels, width + 1), np.nan)
    cells[:, :height, :, :width] = maps.transpose(0, 2, 1, 3)
    cells = cells.reshape(samples * (height + 1), -1)[:-1, :-1]
    x = left + np.add.outer(np.arange(channels), np.linspace(0, MAP_SIDE, width + 1)).ravel()
    y = np.add.outer(np.arange(samples), np.linspace(0, MAP_SIDE, height + 1)).ravel()
    ax.pcolormesh(x, y, cells, zorder=1, **colors)
