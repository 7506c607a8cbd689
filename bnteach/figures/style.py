"""How every picture looks: large text, colors safe for the color-blind, a second sign beside each color.

The text is large because the figure is small in inches and fine in dots: 10 points at 150 dots an inch are
21 pixels, readable at half size and from the last row. So a title that a learner adds is large too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["ROLES", "Role", "new_axes", "new_figure", "role", "style"]

DOTS_PER_INCH = 150

SETTINGS = {
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.labelsize": 10,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.edgecolor": "#555555",
    "grid.color": "#E4E4E4",
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "lines.linewidth": 2.0,
}


@dataclass(frozen=True)
class Role:
    """What a mark stands for decides how it looks: a color, and a line style and marker as second signs."""

    color: str
    line: str
    marker: str


# The colors are Okabe and Ito's, "Color Universal Design", 2008.
ROLES = {
    "without_bn": Role("#D55E00", "--", "s"),
    "with_bn": Role("#0072B2", "-", "o"),
    "data": Role("#56B4E9", "-", "o"),
    "batch": Role("#8A8A8A", "", "o"),  # dots without a line: one for each batch
    "population": Role("#8A8A8A", "-", "o"),
    "moved": Role("#D55E00", "-", "D"),
    "truth": Role("#000000", "-", "_"),
    "theory": Role("#B87800", "-.", "^"),  # their orange, darker: as a thin line it must show on white
    "biased": Role("#CC79A7", "--", "s"),
    "unbiased": Role("#00664B", "-", "o"),  # their green, darker: apart from the purple for every eye
    "forward": Role("#000000", "-", "o"),
    "backward": Role("#A8528A", "--", "s"),  # their purple, darker
    "before": Role("#8A8A8A", ":", "o"),
}


def role(name: str) -> Role:
    """The look that belongs to a meaning.

    Raises:
        ValueError: no role has this name; the message lists those there are.

    >>> role("with_bn")
    Role(color='#0072B2', line='-', marker='o')
    """
    if name not in ROLES:
        raise ValueError(f"role is {name!r}, expected one of {', '.join(ROLES)}")
    return ROLES[name]


@contextmanager
def style() -> Iterator[None]:
    """The look of these lessons for what is drawn inside; outside, Matplotlib stays as it was.

    >>> before = dict(mpl.rcParams)
    >>> with style():
    ...     mpl.rcParams["axes.spines.top"]
    False
    >>> dict(mpl.rcParams) == before
    True
    """
    with mpl.rc_context(SETTINGS):
        yield


def new_figure(columns: int = 1, rows: int = 1, *, size: tuple[float, float] = (6.0, 2.8)):
    """A figure of its own and its axes, in the style of the lessons. Pyplot does not know of it.

    Args:
        columns, rows: how many axes beside and above each other.
        size: width and height in inches; an inch has 150 pixels.

    Returns:
        The Figure, and an array of rows * columns Axes, row by row.

    >>> figure, (left, right) = new_figure(columns=2)
    """
    with style():
        figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, np.ravel(axes)


def new_axes(ax: Axes | None = None, *, size: tuple[float, float] = (6.0, 2.8)) -> Axes:
    """The axes given, or those of a new figure."""
    return new_figure(size=size)[1][0] if ax is None else ax
