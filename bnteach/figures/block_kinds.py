"""Four kinds of blocks: where batch normalization stands, and what a skip connection passes."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle

from .style import new_axes, style
from .style import role as look_of

__all__ = ["block_kinds"]

KINDS = {
    "no BN": ("linear", "ReLU"),
    "BN": ("linear", "BN", "ReLU"),
    "skip, no BN": ("ReLU", "linear", "+"),
    "skip, BN in the branch": ("BN", "ReLU", "linear", "+"),
}
HEIGHT, START, APART, END = 11, 40, 15, 108  # of a row; where h comes in; between parts; where it goes out
INK, BLUE = look_of("forward").color, look_of("with_bn").color


def block_kinds(ax: Axes | None = None) -> Axes:
    """A row for each kind of block: its parts from left to right, BN in blue, the skip connection above them.

    >>> ax = block_kinds()
    """
    ax = new_axes(ax, size=(6.4, 2.4))
    ax.set_axis_off()
    ax.set(xlim=(0, END + 1), ylim=(4 - len(KINDS) * HEIGHT, 8))
    with style():
        for row, (name, parts) in enumerate(KINDS.items()):
            _row(ax, name, parts, -row * HEIGHT)
    return ax


def _row(ax: Axes, name: str, parts: tuple[str, ...], y: float) -> None:
    ax.text(0, y, name, va="center", color=INK)
    ax.text(START - 3, y, "$h$", ha="center", va="center", color=INK)
    middles = [START + APART * (number + 0.7) for number in range(len(parts))]
    _arrow(ax, [(START, y), (END, y)])
    for x, part in zip(middles, parts, strict=True):
        if part == "+":
            _arrow(ax, [(START + 1.5, y), (START + 1.5, y + 5.5), (x, y + 5.5), (x, y + 2)])
        _part(ax, part, x, y)


def _part(ax: Axes, part: str, x: float, y: float) -> None:
    color = BLUE if part == "BN" else INK
    if part == "+":
        shape = Circle((x, y), 2, fc="white", ec=color, lw=1.6, zorder=3)
    else:
        shape = Rectangle((x - 5.5, y - 2.8), 11, 5.6, fc="white", ec=color, lw=1.8, zorder=3)
    ax.add_patch(shape)
    ax.text(x, y, part, ha="center", va="center", color=color, zorder=4)


def _arrow(ax: Axes, corners: list[tuple[float, float]]) -> None:
    ax.plot(*zip(*corners, strict=True), color=INK, lw=1.4)
    ax.annotate("", corners[-1], corners[-2], arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.4})
