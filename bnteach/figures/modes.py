"""The two modes of batch normalization: what flows where, in training and in evaluation."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from .style import new_axes, style
from .style import role as look_of

__all__ = ["two_modes"]

# middle, width, words; a box is 8 high
TRAINING, EVALUATION, RUNNING = look_of("forward").color, look_of("with_bn").color, look_of("with_bn").color
BOXES = [
    ((10, 48), 18, "batch $x$", TRAINING),
    ((62, 48), 28, "normalize, $\\gamma$, $\\beta$", TRAINING),
    ((94, 48), 9, "$y$", TRAINING),
    ((30, 34), 33, "batch mean, variance", TRAINING),
    ((62, 18), 38, "running mean, variance", RUNNING),
    ((10, 4), 18, "new $x$", EVALUATION),
    ((62, 4), 28, "normalize, $\\gamma$, $\\beta$", EVALUATION),
    ((94, 4), 9, "$y$", EVALUATION),
]
ARROWS = [
    ((19, 48), (48, 48), TRAINING),
    ((76, 48), (89.5, 48), TRAINING),
    ((14, 44), (20, 38), TRAINING),
    ((46.5, 36), (56, 44), TRAINING),
    ((38, 30), (50, 22), TRAINING),
    ((62, 14), (62, 8), EVALUATION),
    ((19, 4), (48, 4), EVALUATION),
    ((76, 4), (89.5, 4), EVALUATION),
]
NOTES = [
    ((0, 55), "Training mode", TRAINING),
    ((47, 27.5), "each batch moves them a little", TRAINING),
    ((0, 11), "Evaluation mode", EVALUATION),
]


def two_modes(ax: Axes | None = None) -> Axes:
    """Boxes and arrows: the batch's statistics normalize in training, the running ones in evaluation.

    >>> ax = two_modes()
    """
    ax = new_axes(ax, size=(6.0, 3.3))
    ax.set_axis_off()
    ax.set(xlim=(0, 100), ylim=(-1, 60))
    with style():
        for middle, width, words, color in BOXES:
            _box(ax, middle, width, words, color)
        for start, end, color in ARROWS:
            ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.8})
        for place, words, color in NOTES:
            ax.text(*place, words, color=color, va="center")
    return ax


def _box(ax: Axes, middle: tuple[float, float], width: float, words: str, color: str) -> None:
    x, y = middle
    ax.add_patch(Rectangle((x - width / 2, y - 4), width, 8, fc="white", ec=color, lw=2))
    ax.text(x, y, words, ha="center", va="center", color=color)
