"""Curves over time or depth: loss, accuracy, percentiles of an activation, sizes layer by layer."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from .dots import dots
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
        top: the upper limit of y. Larger values, inf too, leave the picture, with a triangle at the first.
        ax, role, label: as in `histogram`.

    Returns:
        The axes.

    >>> ax = curve([1, 2, 3], [2.3, 1.9, 1.2], role="with_bn", label="with BN")
    """
    ax, look = new_axes(ax), look_of(role)
    x, y = np.asarray(x), np.asarray(y, dtype=float)
    ax.plot(x, np.minimum(y, 4 * top), color=look.color, linestyle=look.line, linewidth=2.2, label=label)
    first_above = np.flatnonzero(y > top)[:1]
    dots(x[first_above], y[first_above], limits=(-np.inf, top), ax=ax, role=role, size=8)
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
    sizes = np.nan_to_num(np.asarray(sizes, dtype=float), nan=np.inf, posinf=np.inf)
    layer = np.arange(1, len(sizes) + 1)
    ax.plot(layer, np.clip(sizes, *limits), color=look.color, linestyle=look.line, linewidth=2, label=label)
    dots(layer, sizes, limits=limits, ax=ax, role=role, size=7)
    return ax
