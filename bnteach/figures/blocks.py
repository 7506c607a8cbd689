"""The values of a small batch as cells, a block for each sample: which of them share one mean."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from .style import new_axes
from .style import role as look_of

__all__ = ["blocks", "shared_values"]


def blocks(samples: int, rows: int, columns: int, *, ax: Axes | None = None) -> Axes:
    """Empty cells, a block for each sample: (n, r, c) has its corner at x = n · (columns + 1) + c, y = r."""
    ax = new_axes(ax)
    _cells(ax, np.ones((samples, rows, columns), dtype=bool), "#DDDDDD")
    ax.set(xlim=(-0.1, samples * (columns + 1) - 0.9), ylim=(rows + 0.05, -0.05))
    middles = [sample * (columns + 1) + columns / 2 for sample in range(samples)]
    ax.set_xticks(middles, [f"sample {sample + 1}" for sample in range(samples)])
    ax.set_yticks(np.arange(rows) + 0.5, [str(row + 1) for row in range(rows)])
    ax.grid(False)
    return ax


def shared_values(shared, chosen: tuple[int, int, int], *, ax: Axes) -> Axes:
    """Fill the cells (samples, rows, columns) of `blocks` that share one mean with the chosen cell."""
    shared = np.asarray(shared)
    _cells(ax, shared, look_of("with_bn").color)
    sample, row, column = chosen
    moved, x = look_of("moved"), sample * (shared.shape[2] + 1) + column + 0.5
    ax.plot(x, row + 0.5, marker=moved.marker, ms=10, color=moved.color, mec="white", mew=1.5, zorder=4)
    return ax


def _cells(ax: Axes, chosen: np.ndarray, color: str) -> None:
    """A cell for each True, with a column left free between two samples."""
    samples, rows, columns = chosen.shape
    cells = np.full((rows, samples, columns + 1), np.nan)
    cells[:, :, :columns] = np.where(chosen, 1, np.nan).transpose(1, 0, 2)
    edges = np.arange(samples * (columns + 1) + 1), np.arange(rows + 1)
    look = {"cmap": ListedColormap([color]), "edgecolors": "white", "linewidth": 1.5, "zorder": 1}
    ax.pcolormesh(*edges, cells.reshape(rows, -1), **look)
