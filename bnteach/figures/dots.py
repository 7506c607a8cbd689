"""Dots on axes with fixed limits. What lies beyond is a triangle at the edge, so that nothing is hidden."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from .style import role as look_of

__all__ = ["dots"]


def dots(x, y, *, limits: tuple[float, float], ax: Axes, role: str = "data", size: float = 3, **how) -> Axes:
    """A marker for each number y (n,) at the place x (n,)."""
    x, y, look = np.asarray(x), np.asarray(y, dtype=float), look_of(role)
    low, high = limits
    inside = (low <= y) & (y <= high)
    for chosen, marker in ((inside, look.marker), (y < low, "v"), (y > high, "^")):
        if chosen.any():
            looks = {"ls": "", "marker": marker, "ms": size, "color": look.color, "clip_on": False}
            ax.plot(x[chosen], np.clip(y[chosen], low, high), **looks, **how)
    return ax
