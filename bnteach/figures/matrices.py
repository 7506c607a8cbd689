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
    """A matrix as colored cells, row 1 at the top, with its numbers in the cells.

    Zero is white, positive blue, negative orange. The number in each cell carries the sign as well.

    Args:
        values: (rows, columns), up to about 8 x 8: the numbers must fit.
        limit: the size at which a color is full; larger numbers have the same color.
        ax: where to draw; None makes a figure.

    Returns:
        The axes. Row i and column j have their middle at y = i and x = j, counted from 1.

    >>> ax = matrix([[0.5, -0.5], [-0.5, 0.5]], limit=1.0)
    """
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
    """A number for each row of a matrix beside it: a bar from zero to a marker.

    Args:
        values: (rows,), row 1 first.
        ax: axes with row 1 at the top, as `matrix` leaves them; None makes a figure.
        role: the look, a name from `figures.ROLES`.
        marked: the index (from 0) of a row drawn in the look of "moved".

    Returns:
        The axes, with the rows 1, 2, ... along y.

    >>> ax = row_marks([0.3, -1.0, 2.0], marked=2)
    """
    ax, values = new_axes(ax), np.asarray(values, dtype=float)
    row = np.arange(1, len(values) + 1)
    for this, name in ((row - 1 != marked, role), (row - 1 == marked, "moved")):
        look = look_of(name)
        ax.hlines(row[this], 0, values[this], color=look.color, linewidth=3, zorder=2)
        ax.plot(values[this], row[this], ls="", marker=look.marker, ms=8, color=look.color, zorder=3)
    return ax
