"""What an activation makes of a distribution: its curve, where it is flat, and outlines on fixed axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from .style import new_axes
from .style import role as look_of

__all__ = ["note", "outline", "ridges", "shade", "transfer"]


def transfer(z, h, flat, *, ax: Axes | None = None) -> Axes:
    """The curve of an activation, with gray over the inputs where `flat` is True."""
    ax = shade(z, flat, ax=new_axes(ax))
    ax.plot(z, h, color="black", linewidth=2.2, zorder=4)
    return ax


def shade(z, where, *, height: float = 1.0, ax: Axes) -> Axes:
    """Gray over the inputs where `where` is True, up to this share of the axes."""
    look = {"transform": ax.get_xaxis_transform(), "color": "#E6E6E6", "linewidth": 0, "zorder": 1}
    ax.fill_between(z, 0, height, where=np.asarray(where), **look)
    return ax


def outline(
    values,
    *,
    limits: tuple[float, float],
    ax: Axes | None = None,
    base: float = 0.0,
    height: float = 0.9,
    bins: int = 72,
    role: str = "data",
    sideways: bool = False,
) -> Axes:
    """A histogram whose tallest bar always has the same height: it fits however narrow the values become.

    Heights are shares of the axes. Values beyond the limits count to the last bar. `sideways`: the values
    run along y and the bars grow to the right, beside a curve with the same y.
    """
    ax, look, values = new_axes(ax), look_of(role), np.ravel(values)
    counts, edges = np.histogram(np.clip(values[~np.isnan(values)], *limits), bins, range=limits)
    tops = base + height * counts / max(1, counts.max())
    x, y = np.repeat(edges, 2), np.repeat(np.r_[base, tops, base], 2)[1:-1]
    if sideways:
        x, y = y, x
    # Not `stairs`: it looks for the limits of the curve in each frame of a lab, at 3 ms an outline.
    transform = ax.get_yaxis_transform() if sideways else ax.get_xaxis_transform()
    shared = {"transform": transform, "color": look.color}
    filling = PolyCollection([np.column_stack([x, y])], alpha=0.35, linewidths=0, zorder=2, **shared)
    ax.add_collection(filling, autolim=False)
    ax.plot(x, y, linewidth=2, linestyle=look.line, zorder=3, **shared)
    return ax


def ridges(
    groups: Sequence[tuple[np.ndarray, str]], *, limits: tuple[float, float], ax: Axes | None = None
) -> Axes:
    """Distributions above each other, the first on top."""
    ax, row = new_axes(ax), 1 / len(groups)
    for number, (values, role) in enumerate(groups, start=1):
        foot = 1 - number * row
        outline(values, limits=limits, ax=ax, base=foot, height=0.85 * row, role=role)
    return ax


def note(words: str, *, top: float = 0.97, ax: Axes | None = None) -> Axes:
    """A few words at the left, their top at this share of the height of the axes."""
    ax = new_axes(ax)
    place = {"transform": ax.transAxes, "ha": "left", "va": "top"}
    ax.text(0.03, top, words, weight="bold", zorder=5, **place)
    return ax
