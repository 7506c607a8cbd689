"""A distribution as a histogram; points of two features."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from .style import new_axes
from .style import role as look_of

__all__ = ["histogram", "points"]


def histogram(
    values,
    *,
    ax: Axes | None = None,
    bins: int = 40,
    limits: tuple[float, float] | None = None,
    role: str = "data",
    label: str | None = None,
) -> Axes:
    """The distribution of values as a histogram of area 1, so that samples of different size compare.

    Args:
        values: any shape; all values are taken together. NaN and inf are left out.
        ax: where to draw; None makes a figure.
        bins: how many bars.
        limits: the range cut into bars; None takes the values' own. Values outside count for the area.
        role: the look, a name from `figures.ROLES`.
        label: words for the legend.

    Returns:
        The axes.

    >>> ax = histogram([1.0, 2.0, 2.5], bins=3)
    """
    ax, look = new_axes(ax), look_of(role)
    values = np.ravel(values)
    values = values[np.isfinite(values)]
    counts, edges = np.histogram(values, bins, range=limits)
    density = counts / (max(1, len(values)) * np.diff(edges))
    ax.stairs(density, edges, color=look.color, alpha=0.35, fill=True)
    ax.stairs(density, edges, color=look.color, linewidth=2, linestyle=look.line, label=label)
    return ax


def points(x, y, *, ax: Axes | None = None, role: str = "data", label: str | None = None) -> Axes:
    """Two features as points.

    Args:
        x, y: shape (n,).
        ax, role, label: as in `histogram`.

    Returns:
        The axes.

    >>> ax = points([1, 2], [10_000, 30_000])
    """
    ax, look = new_axes(ax), look_of(role)
    ax.plot(x, y, linestyle="", marker=look.marker, color=look.color, markersize=4, alpha=0.7, label=label)
    return ax
