"""Boxes around things in a picture: the true ones, and those that a detector found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from .style import new_axes, style
from .style import role as look_of

__all__ = ["boxes", "scene"]

WORD = 0.3, 0.1  # width and height that a word takes, in shares of the picture


def scene(picture, *, title: str = "", ax: Axes | None = None) -> Axes:
    """A picture to draw boxes on: 0 is white, 1 is gray and not black, so that boxes stand out.

    Args:
        picture: (height, width), values 0 to 1.
        title: one line above it.
        ax: where to draw; None makes a figure.

    Returns:
        The axes. Their limits are the picture's edges: 0 to 1 both ways, y grows downward.

    Raises:
        ValueError: picture has not two axes.

    >>> ax = scene([[0.0, 1.0], [0.5, 0.2]], title="four pixels")
    """
    picture = np.asarray(picture)
    if picture.ndim != 2:
        raise ValueError(f"picture has shape {picture.shape}, expected (height, width)")
    ax = new_axes(ax, size=(2.6, 2.8))
    with style():
        ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1.6, extent=(0, 1, 1, 0))
        ax.set_title(title, loc="center")
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    for side in ("top", "right"):
        ax.spines[side].set_visible(True)
    return ax


def boxes(ax: Axes, edges, words: Sequence[str] | None = None, *, role: str = "truth") -> Axes:
    """Draw boxes into a `scene`, with a word at each: the true ones say it below, all others above.

    Where a word would lie on that of an earlier box, it is put below its own box. Words have a white edge.

    Args:
        ax: the axes.
        edges: (k, 4): left, top, right, bottom in shares of the picture.
        words: k short words.
        role: the look, a name from `figures.ROLES`. "truth" is drawn dashed, as a second sign.

    Returns:
        The same axes.

    Raises:
        ValueError: not as many words as boxes.

    >>> ax = boxes(scene([[0.0, 1.0], [0.5, 0.2]]), [[0.5, 0, 1, 0.5]], ["dark"])
    """
    edges = np.asarray(edges, float).reshape(-1, 4)
    words = [""] * len(edges) if words is None else list(words)
    if len(words) != len(edges):
        raise ValueError(f"words has {len(words)} entries, expected {len(edges)}: one for each box")
    for corners in edges:
        _box(ax, *corners, role)
    taken: list[np.ndarray] = []
    for corners, word in zip(edges, words, strict=True):
        above = role != "truth" and not any(_close(corners, other) for other in taken)
        _word(ax, *corners, word, role, above)
        taken.append(corners)
    return ax


def _box(ax: Axes, left: float, top: float, right: float, bottom: float, role: str) -> None:
    line = "--" if role == "truth" else "-"
    color = look_of(role).color
    size = right - left, bottom - top
    ax.add_patch(Rectangle((left, top), *size, fill=False, edgecolor=color, linestyle=line, linewidth=1.6))


def _close(corners: np.ndarray, other: np.ndarray) -> bool:
    """Would the words of two boxes lie on each other, if both stood above?"""
    across, down = abs(corners - other)[:2]
    return bool(across < WORD[0] and down < WORD[1])


def _word(
    ax: Axes, left: float, top: float, right: float, bottom: float, word: str, role: str, above: bool
) -> None:
    if not word:
        return
    ax.annotate(
        word,
        (left, top if above else bottom),
        xytext=(0, 2 if above else -2),
        textcoords="offset points",
        va="bottom" if above else "top",
        color=look_of(role).color,
        fontsize=9,
        fontweight="bold",
        annotation_clip=False,
        path_effects=[withStroke(linewidth=3.5, foreground="white")],  # readable on lines
    )
