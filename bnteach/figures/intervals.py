"""Effects with their intervals, a row each, beside the margin below which an effect does not count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from .style import new_axes
from .style import role as look_of

__all__ = ["intervals"]


def intervals(
    names: Sequence[str],
    means,
    ends,
    *,
    margin: float = 0.0,
    roles: str | Sequence[str] = "data",
    ax: Axes | None = None,
) -> Axes:
    """One row for each effect: its mean as a marker on the line of its interval; the first row is on top.

    Args:
        names: of the rows.
        means: shape (n,).
        ends: lower and upper ends, shape (n, 2).
        margin: effects between −margin and margin do not count; a gray band shows where that is.
        roles: the look, a name from `figures.ROLES`, or one for each row.
        ax: where to draw; None makes a figure.

    Returns:
        The axes, with the rows 1, 2, … from the top.

    >>> ax = intervals(["few digits", "all digits"], [5.0, 0.1], [[2.5, 7.5], [-0.2, 0.4]], margin=1)
    """
    ax = new_axes(ax)
    roles = [roles] * len(names) if isinstance(roles, str) else roles
    ax.axvspan(-margin, margin, color="#E6E6E6", linewidth=0, zorder=1)
    ax.axvline(0, color="black", linewidth=1, zorder=2)
    for row, (mean, (low, high), name) in enumerate(
        zip(means, np.asarray(ends), roles, strict=True), start=1
    ):
        look = look_of(name)
        ax.plot([low, high], [row, row], color=look.color, linewidth=3, solid_capstyle="butt", zorder=3)
        ax.plot([mean], [row], marker=look.marker, markersize=8, color=look.color, mec="white", zorder=4)
    ax.set_yticks(range(1, len(names) + 1), names)
    ax.set_ylim(len(names) + 0.5, 0.5)
    ax.grid(False, axis="y")
    return ax
