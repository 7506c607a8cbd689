"""The three paths of the gradient through batch normalization, as a table that adds up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from .graph import PATHS
from .numbers import numbers, signed_number

__all__ = ["path_labels", "path_values"]

ROWS = {"direct": 9.2, "mean": 6.5, "variance": 3.8, "dx": 1.1}  # their heights
HEAD, FIRST, STEP, SUM = 12.0, 37.0, 9.5, 76.0


def path_labels(ax: Axes) -> Axes:
    """The head of the table and the names of the paths, each with the look of its lines in the graph."""
    middle = {"va": "center_baseline", "fontsize": 9.5}
    ax.text(1, HEAD, "dx of sample", weight="bold", **middle)
    for sample in range(4):
        ax.text(FIRST + sample * STEP, HEAD, str(sample + 1), ha="right", **middle)
    ax.text(SUM, HEAD, "sum", ha="right", **middle)
    for name, (color, line) in PATHS.items():
        ax.plot([1, 5.5], [ROWS[name]] * 2, color=color, linestyle=line, linewidth=2.4)
        ax.text(7, ROWS[name], name if name == "direct" else f"through the {name}", **middle)
    ax.text(7, ROWS["dx"], "together: dx", weight="bold", **middle)
    return ax


def path_values(parts: Mapping[str, np.ndarray], *, ax: Axes, marked: int | None = None) -> Axes:
    """What each path carries to each sample's x (4,), and the sum; `marked` is an index from 0."""
    if parts and marked is not None:
        corner, tint = (FIRST + marked * STEP - 8.4, -0.4), {"color": "#D55E00", "alpha": 0.2, "linewidth": 0}
        ax.add_patch(Rectangle(corner, 9.3, 11, **tint))
    for name, part in parts.items():
        words = [signed_number(number, digits=3) for number in [*part, np.sum(part)]]
        x = [*(FIRST + STEP * np.arange(4)), SUM]
        color = PATHS[name][0] if name in PATHS else "black"
        numbers(words, x, [ROWS[name]] * 5, ax=ax, align="right", colors=color, bold=name == "dx")
    return ax
