"""What stands around the marks: titles, labels, limits, the key."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .style import role, style

__all__ = ["frame", "key"]


def frame(
    ax: Axes,
    *,
    title: str = "",
    x: str = "",
    y: str = "",
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    log: str = "",
) -> Axes:
    """Put a title, axis labels and fixed limits around what is drawn.

    Args:
        ax: the axes.
        title: one line that says what to see.
        x, y: the labels, with units.
        xlim, ylim: limits that stay. None lets the marks decide.
        log: "x", "y" or "xy" for logarithmic axes.

    Returns:
        The same axes.

    >>> from bnteach.figures import new_axes
    >>> ax = frame(new_axes(), title="Most cars are young", x="age in years", xlim=(0, 30))
    """
    with style():
        if "x" in log:
            ax.set_xscale("log")
        if "y" in log:
            ax.set_yscale("log")
        ax.set(title=title, xlabel=x, ylabel=y)
        if xlim is not None:
            ax.set_xlim(xlim)
        if ylim is not None:
            ax.set_ylim(ylim)
    return ax


def key(ax: Axes, names: Mapping[str, str], *, markers: bool = False, place: str = "best") -> Axes:
    """Say in the axes which look stands for what.

    Args:
        ax: the axes.
        names: the words for each role, such as {"with_bn": "with BN"}.
        markers: show the role's marker on its line.
        place: as Matplotlib's `legend(loc=...)`.

    Returns:
        The same axes.
    """
    handles = []
    for name, words in names.items():
        look = role(name)
        marker = look.marker if markers else ""
        handles.append(Line2D([], [], color=look.color, linestyle=look.line, marker=marker, label=words))
    with style():
        ax.legend(handles=handles, loc=place)
    return ax
