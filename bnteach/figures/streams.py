"""What comes batch by batch, and what is kept of it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from .dots import dots
from .style import new_axes
from .style import role as look_of

__all__ = ["stream"]


def stream(
    each,
    kept,
    truth,
    *,
    limits: tuple[float, float],
    ax: Axes | None = None,
    each_role: str = "data",
    kept_role: str = "with_bn",
) -> Axes:
    """A number of each batch as dots, what is kept of it as a line with a head, the truth as a line."""
    ax, line = new_axes(ax), look_of(kept_role)
    each, kept = np.asarray(each, dtype=float), np.asarray(kept, dtype=float)
    dots(np.arange(1, len(each) + 1), each, limits=limits, ax=ax, role=each_role, size=3.5, zorder=3)
    ax.plot(np.arange(1, len(truth) + 1), truth, color=look_of("truth").color, linewidth=2, zorder=3.5)
    shown = np.clip(kept, *limits)
    ax.plot(np.arange(len(kept)), shown, color=line.color, linestyle=line.line, linewidth=2.2, zorder=4)
    place = {"marker": "o", "ms": 8, "mec": "white", "clip_on": False, "zorder": 5}
    ax.plot([len(each)], shown[-1:], color=line.color, **place)
    return ax
