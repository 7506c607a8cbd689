"""Effects over seeds, a row each, beside the margin below which an effect does not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from .style import new_axes
from .style import role as look_of

__all__ = ["effects"]


def effects(
    rows: Mapping[str, Sequence[float]],
    *,
    margin: float,
    limits: tuple[float, float],
    intervals: Mapping[str, tuple[float, float]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """One row for each effect, the first on top: a dot for each seed, and a gray band from −margin to margin.

    Equal effects stand above each other, so that each seed is seen.

    Args:
        rows: name -> the effect of each seed, (seeds,).
        margin: effects between −margin and margin do not count.
        limits: of the axis. What lies beyond is a triangle at the edge.
        intervals: name -> the ends of a dark bar under the dots, with a tick at the middle.
        ax: where to draw; None makes a figure.

    Returns:
        The axes, with the rows 1, 2, … from the top.

    >>> ax = effects({"few digits": [4, 6, 5], "all digits": [0.1, -0.2, 0.3]}, margin=1, limits=(-2, 8))
    """
    ax, look = new_axes(ax), look_of("with_bn")
    ax.axvspan(-margin, margin, color="#E0E0E0", linewidth=0, zorder=1)
    ax.axvline(0, color="black", linewidth=1, zorder=2)
    for row, (name, values) in enumerate(rows.items(), start=1):
        if intervals and name in intervals:
            _interval(*intervals[name], row + 0.4, ax)
        _row(values, row, limits, look, ax)
    ax.set_yticks(range(1, len(rows) + 1), list(rows))
    ax.set(xlim=limits, ylim=(len(rows) + 0.5, 0.5))
    ax.grid(False, axis="y")
    return ax


def _interval(low: float, high: float, height: float, ax: Axes) -> None:
    """A bar that hides no dot, and a tick at its middle: the mean."""
    ax.plot([low, high], [height, height], color="black", lw=4, solid_capstyle="butt", zorder=5)
    ax.plot([(low + high) / 2], [height], color="black", ls="", marker="|", ms=9, mew=2, zorder=5)


def _row(values: Sequence[float], row: int, limits: tuple[float, float], look, ax: Axes) -> None:
    """The dots of one effect; a triangle points at those beyond the edge."""
    values = np.asarray(values, dtype=float)
    low, high = limits
    inside = (low <= values) & (values <= high)
    for chosen, marker in ((inside, look.marker), (values < low, "<"), (values > high, ">")):
        if chosen.any():
            x = np.clip(values[chosen], low, high)
            size = 7 if len(values) < 10 else 5
            looks = {
                "ls": "",
                "marker": marker,
                "ms": size,
                "color": look.color,
                "mec": "white",
                "alpha": 0.8,
            }
            ax.plot(x, row + _stacked(x), clip_on=False, zorder=4, **looks)


def _stacked(x: np.ndarray) -> np.ndarray:
    """How far each dot moves up or down, so that equal ones stand around the middle of their row."""
    offsets = np.zeros(len(x))
    for value in np.unique(x.round(9)):
        equal = np.flatnonzero(x.round(9) == value)
        if len(equal) > 1:
            reach = min(0.1 * (len(equal) - 1), 0.26)
            offsets[equal] = np.linspace(-reach, reach, len(equal))
    return offsets
