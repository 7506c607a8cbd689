"""Distributions: one histogram, or one for each layer of a network; points of two features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from .style import new_axes
from .style import role as look_of

__all__ = ["histogram", "layer_histograms", "points"]


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


def layer_histograms(
    layers: Sequence[np.ndarray],
    *,
    limits: tuple[float, float],
    ax: Axes | None = None,
    bins: int = 36,
    role: str = "data",
) -> Axes:
    """One histogram for each layer, lying on its side: wide where there are many values.

    The width is the root of the count (a *rootogram*): a few values beside a great many can still be seen.
    Each is as wide as its place allows, so widths compare within a layer, not between layers.

    Args:
        layers: the values of each layer, any shapes; layer 1 first.
        limits: the range of values shown, the same for all layers. Values beyond count to the last bar
            on their side, so that nothing is hidden.
        ax, bins, role: as in `histogram`.

    Returns:
        The axes, with the layers 1, 2, ... along x.

    >>> ax = layer_histograms([[0.1, 0.2], [0.4, 0.5]], limits=(0, 1))
    """
    ax = new_axes(ax)
    shapes = [_lying(np.ravel(values), limits, bins, place) for place, values in enumerate(layers, start=1)]
    color = look_of(role).color
    ax.add_collection(PolyCollection(shapes, facecolors=color, linewidths=0, zorder=2))
    ax.autoscale_view()
    return ax


def _lying(values: np.ndarray, limits: tuple[float, float], bins: int, place: float) -> np.ndarray:
    """The outline of a histogram that lies on its side, centered on x = place."""
    low, high = limits
    values = values[~np.isnan(values)].clip(low, high)
    bars = np.minimum((values - low) * (bins / (high - low)), bins - 1).astype(np.intp)
    counts = np.bincount(bars, minlength=bins)
    half = np.repeat(0.46 * np.sqrt(counts / max(1, counts.max())), 2)
    height = np.repeat(np.linspace(low, high, bins + 1), 2)[1:-1]
    return np.column_stack([np.r_[place + half, place - half[::-1]], np.r_[height, height[::-1]]])


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
