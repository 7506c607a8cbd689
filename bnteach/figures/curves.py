"""Curves over time or depth: loss, accuracy, percentiles of an activation, sizes layer by layer."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from .style import new_axes
from .style import role as look_of

__all__ = ["curve", "layer_sizes", "percentiles"]


def curve(
    x,
    y,
    *,
    top: float = np.inf,
    ax: Axes | None = None,
    role: str = "data",
    label: str | None = None,
) -> Axes:
    """One line, such as a loss over steps. NaN leaves a gap.

    Args:
        x, y: shape (n,).
        top: larger values, inf too, run along at this height, with a triangle on the last of them.
        ax, role, label: as in `histogram`.

    Returns:
        The axes.

    >>> ax = curve([1, 2, 3], [2.3, 1.9, 1.2], role="with_bn", label="with BN")
    """
    ax, look = new_axes(ax), look_of(role)
    x, y = np.asarray(x), np.asarray(y, dtype=float)
    shown = np.minimum(y, top)
    ax.plot(x, shown, color=look.color, linestyle=look.line, linewidth=2.2, label=label)
    above = np.flatnonzero(y > top)[-1:]
    if len(above):  # a mark without points and without clipping would upset the layout
        ax.plot(x[above], shown[above], ls="", marker="^", ms=8, color=look.color, clip_on=False)
    return ax


def percentiles(x, bands, *, ax: Axes | None = None, role: str = "data", label: str | None = None) -> Axes:
    """A distribution that changes: its middle as a line, its low and high percentile as a band around it.

    Args:
        x: shape (n,), such as steps.
        bands: shape (n, 3), low, middle and high; for example the {15, 50, 85}th percentiles.
        ax, role, label: as in `histogram`.

    Returns:
        The axes.

    >>> ax = percentiles([1, 2], [[-1, 0, 1], [-2, 0, 2]])
    """
    ax, look = new_axes(ax), look_of(role)
    low, middle, high = np.reshape(np.where(np.isfinite(bands), bands, np.nan), (-1, 3)).T
    ax.fill_between(x, low, high, color=look.color, alpha=0.22, linewidth=0)
    for edge in (low, high):
        ax.plot(x, edge, color=look.color, linestyle=look.line, linewidth=1)
    ax.plot(x, middle, color=look.color, linestyle=look.line, linewidth=2.4, label=label)
    return ax


def layer_sizes(
    sizes,
    *,
    limits: tuple[float, float],
    ax: Axes | None = None,
    role: str = "data",
    label: str | None = None,
) -> Axes:
    """One positive number a layer, for a logarithmic axis. Beyond the limits: a triangle at the edge.

    Args:
        sizes: shape (layers,), layer 1 first. 0 counts as below the limits, inf and NaN as above.
        limits: the smallest and largest size shown.
        ax, role, label: as in `histogram`.

    Returns:
        The axes, with the layers 1, 2, ... along x.

    >>> ax = layer_sizes([1.0, 1e-3, 0.0], limits=(1e-6, 1e6))
    """
    ax, look = new_axes(ax), look_of(role)
    low, high = limits
    sizes = np.nan_to_num(np.asarray(sizes, dtype=float), nan=np.inf, posinf=np.inf)
    layer, shown = np.arange(1, len(sizes) + 1), np.clip(sizes, low, high)
    ax.plot(layer, shown, color=look.color, linestyle=look.line, linewidth=2, label=label)
    inside = (low <= sizes) & (sizes <= high)
    for chosen, marker in ((sizes < low, "v"), (sizes > high, "^"), (inside, look.marker)):
        ax.plot(layer[chosen], shown[chosen], ls="", marker=marker, ms=7, color=look.color, clip_on=False)
    return ax
