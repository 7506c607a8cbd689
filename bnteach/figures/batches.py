"""Batches: estimates scattered around the truth, and the values of one batch."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from .style import new_axes
from .style import role as look_of

__all__ = ["batch_values", "estimates", "moves", "strips"]


def estimates(
    values,
    truth: float,
    standard_error: float,
    *,
    top: float = np.inf,
    ax: Axes | None = None,
    role: str = "data",
) -> Axes:
    """The statistic of each batch (batches,) around the truth, with the band truth ± standard_error."""
    ax, look, theory = new_axes(ax), look_of(role), look_of("theory")
    ax.axhspan(truth - standard_error, truth + standard_error, color=theory.color, alpha=0.22, zorder=1)
    _dots(ax, np.arange(1, len(values) + 1), np.asarray(values), top, look)
    for edge in (truth - standard_error, truth + standard_error):
        ax.axhline(edge, color=theory.color, linestyle=theory.line, linewidth=1.5, zorder=3)
    ax.axhline(truth, color=look_of("truth").color, linewidth=2, zorder=3)
    return ax


def strips(groups: dict[str, np.ndarray], truth: float, *, top: float, ax: Axes | None = None) -> Axes:
    """Groups of estimates side by side: each value (n,) as a dot, the average of a group as a thick bar."""
    ax = new_axes(ax)
    for place, (name, values) in enumerate(groups.items(), start=1):
        look = look_of(name)
        x = place + _spread(len(values))
        _dots(ax, x, values, top, look)
        average = min(values.mean(), top)
        ax.hlines(average, place - 0.4, place + 0.4, color=look.color, linewidth=5, zorder=3.5)
    ax.axhline(truth, color=look_of("truth").color, linewidth=2, zorder=3)
    return ax


def _dots(ax: Axes, x: np.ndarray, values: np.ndarray, top: float, look) -> None:
    inside = values <= top
    ax.plot(x[inside], values[inside], ls="", marker=look.marker, ms=3, color=look.color, alpha=0.6)
    above = np.full((~inside).sum(), top)
    ax.plot(x[~inside], above, ls="", marker="^", ms=5, color=look.color, clip_on=False)


def _spread(n: int) -> np.ndarray:
    """Places within ±0.3 that look random and never change: a dot keeps its place while a slider moves."""
    golden = (5**0.5 - 1) / 2
    return 0.6 * ((np.arange(n) * golden) % 1) - 0.3


def batch_values(
    values,
    *,
    ax: Axes | None = None,
    role: str = "data",
    marked: int | None = None,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> Axes:
    """The values (N,) of one batch, a dot for each sample; `marked` is an index from 0."""
    ax, shown = new_axes(ax), np.clip(values, *limits)
    number = np.arange(1, len(shown) + 1)
    is_marked = number - 1 == (-1 if marked is None else marked)
    for chosen, name in ((~is_marked, role), (is_marked, "moved")):
        look = look_of(name)
        ax.plot(number[chosen], shown[chosen], ls="", marker=look.marker, ms=9, color=look.color, zorder=4)
    if marked is not None:
        words, place = f" {values[marked]:.1f}", (number[marked] + 0.2, shown[marked])
        ax.annotate(words, place, color=look_of("moved").color, va="center", weight="bold", zorder=5)
    return ax


def moves(before, after, *, ax: Axes | None = None, limits: tuple[float, float] = (-np.inf, np.inf)) -> Axes:
    """Where the values (N,) of a batch were, as hollow rings, and a thick line to where they are now."""
    ax, look = new_axes(ax), look_of("before")
    place, end = np.arange(1, len(before) + 1), np.clip(after, *limits)
    ax.vlines(place, before, end, color="black", linewidth=3.5, zorder=2)
    ax.plot(place, before, ls="", marker="o", ms=9, mfc="white", mec=look.color, mew=1.8, zorder=3)
    return ax
