"""Many short numbers at once, fast enough for a picture that follows the hand.

Matplotlib lays out each text anew, about half a millisecond each: 36 numbers in the cells of a matrix would
take longer than all the rest of a frame. Here each sign is turned into an outline once and kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath, text_to_path
from matplotlib.transforms import Affine2D

from .style import SETTINGS, new_axes

__all__ = ["numbers", "signed_number"]

EM = 100  # the size in which outlines are kept
DIGITS_MIDDLE = 36  # half the height of a digit, in units of EM
SHARE_OF_WIDTH = {"left": 0.0, "center": 0.5, "right": 1.0}


def numbers(
    words: Sequence[str],
    x,
    y,
    *,
    ax: Axes | None = None,
    colors="black",
    align: str = "center",
    size: float = SETTINGS["ytick.labelsize"],
    bold: bool = False,
) -> Axes:
    """Write n short words at the places x, y (n,); y is the middle of the digits."""
    ax = new_axes(ax)
    to_points = Affine2D().scale(size / EM / 72) + ax.get_figure().dpi_scale_trans
    paths = [_outline(word, SHARE_OF_WIDTH[align], bold) for word in words]
    offsets = {"offsets": np.column_stack([x, y]), "offset_transform": ax.transData}
    marks = PathCollection(paths, facecolors=colors, linewidths=0, transform=to_points, zorder=5, **offsets)
    ax.add_artist(marks)
    return ax


def signed_number(value: float, digits: int = 2) -> str:
    """A number short enough for a cell: a true minus sign, and plain 0 for what rounds to zero."""
    rounded = f"{value:.{digits}f}"
    return "0" if float(rounded) == 0 else rounded.replace("-", "−")


def _outline(word: str, share: float, bold: bool) -> Path:
    """The outline of a word, its middle line at y = 0."""
    signs = [_sign(sign, bold) for sign in word]
    if not signs:
        return Path(np.empty((0, 2)))
    places = np.cumsum([0.0] + [width for _, width in signs])
    starts = np.column_stack([places[:-1] - share * places[-1], np.full(len(signs), -DIGITS_MIDDLE)])
    vertices = [path.vertices + start for (path, _), start in zip(signs, starts, strict=True)]
    return Path(np.concatenate(vertices), np.concatenate([path.codes for path, _ in signs]))


@lru_cache(maxsize=256)
def _sign(sign: str, bold: bool) -> tuple[Path, float]:
    """The outline of one letter or digit and how wide it is."""
    if sign == " ":  # Matplotlib has no outline for it
        return Path(np.zeros((1, 2)), [Path.MOVETO]), EM / 3
    font = FontProperties(weight="bold" if bold else "normal", size=EM)
    width, _, _ = text_to_path.get_text_width_height_descent(sign, font, ismath=False)
    path = TextPath((0, 0), sign, prop=font, size=EM)
    return Path(path.vertices, path.codes), width
