"""Batches: estimates scattered around the truth, and the values of one batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from .dots import dots
from .style import new_axes
from .style import role as look_of

__all__ = ["averages", "batch_values", "estimates", "moves", "strips"]


def estimates(values, truth: float, standard_error: float, *, top: float, ax: Axes | None = None) -> Axes:
    """The statistic of each batch (batches,) around the truth, with the band truth ± standard_error."""
    ax, theory = new_axes(ax), look_of("theory")
    low, high = truth - standard_error, truth + standard_error
    ax.axhspan(low, high, color=theory.color, alpha=0.22, zorder=1)
    dots(np.arange(1, len(values) + 1), values, limits=(-np.inf, top), ax=ax, alpha=0.6)
    for edge in (low, high):
        ax.axhline(edge, color=theory.color, linestyle=theory.line, linewidth=1.5, zorder=3)
    ax.axhline(truth, color=look_of("truth").color, linewidth=2, zorder=3)
    return ax


def strips(
    groups: Sequence[tuple[np.ndarray, str]],
    *,
    limits: tuple[float, float],
    ax: Axes | None = None,
) -> Axes:
    """Groups of values (n,), each with its role, as columns of dots at x = 1, 2, ...

    Equal values lie on one level line; beyond the limits a value is a triangle at the edge.

    >>> ax = strips([([0.1, 0.4], "data"), ([0.5, 0.5], "data")], limits=(0, 1))
    """
    ax = new_axes(ax)
    for place, (values, role) in enumerate(groups, start=1):
        dots(place + _spread(len(values)), values, limits=limits, ax=ax, role=role, alpha=0.6)
    return ax


def averages(groups: Sequence[tuple[np.ndarray, str]], *, ax: Axes) -> Axes:
    """A thick bar at the average of each of the `strips`."""
    for place, (values, role) in enumerate(groups, start=1):
        ends = place - 0.4, place + 0.4
        ax.hlines(np.mean(values), *ends, color=look_of(role).color, linewidth=5, zorder=3.5)
    return ax


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
    """Where the values (N,) of a batch were, as hollow rings, and an arrow to where they are now."""
    ax, look = new_axes(ax), look_of("before")
    place, step = np.arange(1, len(before) + 1), np.clip(after, *limits) - before
    in_data = {"angles": "xy", "scale_units": "xy", "scale": 1, "units": "dots", "minlength": 0}
    ax.quiver(place, before, 0 * step, step, width=4, headwidth=4, headlength=4, zorder=5, **in_data)
    ax.plot(place, before, ls="", marker="o", ms=9, mfc="white", mec=look.color, mew=1.8, zorder=3)
    return ax
