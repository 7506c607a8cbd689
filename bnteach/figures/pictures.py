"""Small gray pictures in a row, such as handwritten digits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from .style import new_figure, style

__all__ = ["pictures"]


def pictures(images, titles: Sequence[str] | None = None) -> Figure:
    """Gray pictures in a row, dark where the value is large, all on one scale.

    Args:
        images: (n, height, width), or (n, 64) for the digits.
        titles: n words, one above each picture.

    Returns:
        The figure: a row of pictures needs axes of its own for each.

    Raises:
        ValueError: images is neither (n, height, width) nor (n, 64), or titles are not n.

    >>> from bnteach.data import digits
    >>> data = digits()
    >>> figure = pictures(data.x_train[:6], titles=[str(digit) for digit in data.y_train[:6]])
    """
    images = np.asarray(images)
    if images.ndim == 2 and images.shape[1] == 64:
        images = images.reshape(-1, 8, 8)
    if images.ndim != 3 or len(images) == 0:
        raise ValueError(f"images has shape {images.shape}, expected (n, height, width) or (n, 64), n ≥ 1")
    titles = [""] * len(images) if titles is None else list(titles)
    if len(titles) != len(images):
        raise ValueError(f"titles has {len(titles)} words, expected {len(images)}: one for each picture")
    return _row(images, titles)


def _row(images: np.ndarray, titles: Sequence[str]) -> Figure:
    figure, axes = new_figure(columns=len(images), size=(6.0, 6.0 / len(images) + 0.35))
    with style():
        for ax, image, title in zip(axes, images, titles, strict=True):
            ax.imshow(image, cmap="gray_r", vmin=images.min(), vmax=images.max())
            ax.set_title(title, loc="center")
            ax.set_axis_off()
    return figure
