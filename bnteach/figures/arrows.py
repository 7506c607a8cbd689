"""Arrows: a vector, and what is taken away from it."""

from __future__ import annotations

from matplotlib.axes import Axes

from .style import new_axes
from .style import role as look_of

__all__ = ["arrow"]


def arrow(
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    words: str = "",
    place: tuple[float, float] | None = None,
    ax: Axes | None = None,
    role: str = "data",
) -> Axes:
    """An arrow from one point to another, with words beside it in the same color.

    Args:
        start, end: points (x, y); the tip is at the end.
        words: what the arrow is.
        place: the lower left corner of the words; None is the middle of the arrow.
        ax, role: as in `histogram`.

    Returns:
        The axes.

    >>> ax = arrow((0, 0), (3, 1), words="dy", place=(1, 1), role="before")
    >>> [text.get_text() for text in ax.texts if text.get_text()]
    ['dy']
    """
    ax, look = new_axes(ax), look_of(role)
    line = {"color": look.color, "linestyle": look.line, "linewidth": 2.5, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", **line})
    ax.update_datalim([start, end])  # an annotation alone does not count for the limits
    ax.autoscale_view()
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    ax.text(*(middle if place is None else place), words, color=look.color)
    return ax
