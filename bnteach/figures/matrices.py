"""A small matrix as a map of colors with its numbers, and marks that stand beside its rows."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from .numbers import numbers, signed_number
from .style import new_axes
from .style import role as look_of

__all__ = ["SIGNED", "matrix", "row_marks"]

# Orange below zero, white at zero, blue above: Okabe and Ito's pair that every eye tells apart.
SIGNED = LinearSegmentedColormap.from_list("signed", ["#D55E00", "#FFFFFF", "#0072B2"])


def matrix(values, *, limit: float, ax: Axes | None = None) -> Axes:
    """Cells with their numbers: blue above 0, orange below; row i, column j is at y = i, x = j, from 1."""
    ax, values = new_axes(ax), np.asarray(values, dtype=float)
    rows, columns = values.shape
    edges = np.arange(columns + 1) + 0.5, np.arange(rows + 1) + 0.5
    look = {"cmap": SIGNED, "vmin": -limit, "vmax": limit, "edgecolors": "white", "linewidth": 1.5}
    ax.pcolormesh(*edges, values, zorder=1, **look)
    ax.set_ylim(rows + 0.5, 0.5)
    row, column = np.indices(values.shape).reshape(2, -1) + 1
    colors = np.where(np.abs(values.ravel()) > 0.75 * limit, "white", "black")
    numbers([signed_number(value) for value in values.flat], column, row, ax=ax, colors=colors)
    return ax


def row_marks(
    values,
    *,
    ax: Axes | None = None,
    role: str = "data",
    marked: int | None = None,
) -> Axes:
    """A number for each row of a matrix, beside it: a bar from 0 to a marker; `marked` is from 0."""
    ax, values = new_axes(ax), np.asarray(values, dtype=float)
    row = np.arange(1, len(values) + 1)
    for chosen, name in ((row - 1 != marked, role), (row - 1 == marked, "moved")):
        look = look_of(name)
        ax.hlines(row[chosen], 0, values[chosen], color=look.color, linewidth=3, zorder=2)
        ax.plot(values[chosen], row[chosen], ls="", marker=look.marker, ms=8, color=look.color, zorder=3)
    return ax
