"""The graph of computation of batch normalization: a box for each node, an arrow for each use.

A unit of the axes is a hundredth of the width. Boxes of the upper row, and that of the square, hold one
number for each of four samples; the others hold one number for the channel.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection, PolyCollection
from matplotlib.patches import Rectangle

from .numbers import numbers, signed_number
from .style import new_axes
from .style import role as look_of

__all__ = ["PATHS", "graph_boxes", "graph_values"]

SAMPLES, LINE, WIDTH = 4, 2.65, 14.4
TALL, LOW = 3.1 + SAMPLES * LINE, 3.1 + LINE
UPPER, LOWER = 47.5, 29.0  # where the boxes of a row begin, seen from above
EXTENT = {"xlim": (0, 104), "ylim": (-0.6, 51)}

# node -> middle, top, height, and what is written on the box
BOXES = {
    "x": (7.5, UPPER, TALL, "x"),
    "x_centered": (31, UPPER, TALL, "x_centered"),
    "x_hat": (54.5, UPPER, TALL, "x_hat"),
    "scaled": (76, UPPER, TALL, "scaled"),
    "y": (96.5, UPPER, TALL, "y"),
    "mean": (7.5, LOWER, LOW, "mean"),
    "square": (24.6, LOWER, TALL, "square"),
    "var": (41.8, LOWER, LOW, "var"),
    "std": (59, LOWER, LOW, "std"),
    "inv_std": (76.2, LOWER, LOW, "inv_std"),
    "gamma": (87, LOWER - 8, LOW, "γ"),
    "beta": (96.5, LOWER, LOW, "β"),
}

# The paths of the gradient from y to x, and how they look.
# The dashes are short, so that they also show in the shortest arrow.
SHORT_DASHES, DASH_DOT = (0, (1.5, 0.8)), (0, (2, 0.7, 0.7, 0.7))
PATHS = {"direct": ("#000000", "-"), "mean": ("#B87800", SHORT_DASHES), "variance": ("#0072B2", DASH_DOT)}
PARAMETERS = ("#8A8A8A", "-")
BESIDE = {"direct": (19.3, 43), "mean": (13.2, 31.3), "variance": (36, 31.3)}  # where an arrow has its name

# from, to, path, and the two ends of the line
EDGES = [
    ("x", "x_centered", "direct", (14.9, 41), (23.6, 41)),
    ("x", "mean", "mean", (7.5, 33.6), (7.5, 29.2)),
    ("mean", "x_centered", "mean", (14.9, 27), (27, 33.4)),
    ("x_centered", "square", "variance", (30, 33.6), (27.5, 29.2)),
    ("square", "var", "variance", (32, 26.1), (34.4, 26.1)),
    ("var", "std", "variance", (49.2, 26.1), (51.6, 26.1)),
    ("std", "inv_std", "variance", (66.4, 26.1), (68.8, 26.1)),
    ("inv_std", "x_hat", "variance", (71.5, 29.2), (59, 33.4)),
    ("x_centered", "x_hat", "direct", (38.4, 41), (47.1, 41)),
    ("x_hat", "scaled", "direct", (61.9, 41), (68.6, 41)),
    ("gamma", "scaled", "", (88.5, 21.2), (82.2, 33.4)),
    ("scaled", "y", "direct", (83.4, 41), (89.1, 41)),
    ("beta", "y", "", (96.5, 29.2), (96.5, 33.4)),
]


def graph_boxes(ax: Axes | None = None) -> Axes:
    """The nodes and the lines between them, empty and gray: what stays while the graph is walked."""
    ax = new_axes(ax, size=(7.0, 3.6))
    ax.set_axis_off()
    ax.set(**EXTENT)
    ax.add_collection(LineCollection([edge[3:] for edge in EDGES], colors="#CCCCCC", linewidths=2))
    ax.add_collection(PatchCollection(map(_box, BOXES), facecolors="white", edgecolors="#BBBBBB"))
    for name in BOXES:
        _name(ax, name)
    for path, place in BESIDE.items():
        color = PATHS[path][0]
        ax.text(*place, path, color=color, fontsize=9.5, ha="center", va="center_baseline")
    return ax


def graph_values(
    values: Mapping[str, np.ndarray],
    gradients: Mapping[str, np.ndarray],
    *,
    ax: Axes,
    node: str,
    marked: int | None = None,
) -> Axes:
    """The values of the nodes reached in black, (4,) or a number each; their gradients in purple."""
    _arrows(ax, [edge for edge in EDGES if edge[1] in values and edge[0] not in gradients], forward=True)
    _arrows(ax, [edge for edge in EDGES if edge[0] in gradients], forward=False)
    if marked is not None:
        rows = [_row(name, marked) for name in values if BOXES[name][2] == TALL]
        ax.add_collection(PatchCollection(rows, facecolors="#D55E00", alpha=0.2, linewidths=0))
    ax.add_collection(PatchCollection(map(_box, values), facecolors="none", edgecolors="#333333"))
    here = {"facecolors": [(1, 0.85, 0.2, 0.25)], "edgecolors": "black", "linewidths": 3}
    ax.add_collection(PatchCollection([_box(node)], **here))
    _name(ax, node)
    _write(ax, values, right_end=-0.8, color=look_of("forward").color)
    _write(ax, gradients, right_end=6.8, color=look_of("backward").color)
    return ax


def _name(ax: Axes, name: str) -> None:
    middle, top, _, words = BOXES[name]
    size = 12.5 if len(words) == 1 else None  # a single letter is small
    ax.text(middle, top - 1.6, words, ha="center", va="center_baseline", weight="bold", size=size)


def _box(name: str) -> Rectangle:
    middle, top, height, _ = BOXES[name]
    return Rectangle((middle - WIDTH / 2, top - height), WIDTH, height)


def _row(name: str, sample: int) -> Rectangle:
    middle, top, _, _ = BOXES[name]
    return Rectangle((middle - WIDTH / 2, top - 3.1 - (sample + 1) * LINE), WIDTH, LINE)


def _write(ax: Axes, known: Mapping[str, np.ndarray], right_end: float, color: str) -> None:
    words, x, y = [], [], []
    for name, value in known.items():
        middle, top, _, _ = BOXES[name]
        for line, number in enumerate(np.atleast_1d(value)):
            words.append(short(number))
            x.append(middle + right_end)
            y.append(top - 3.1 - (line + 0.5) * LINE)
    numbers(words, x, y, ax=ax, colors=color, align="right")


def _arrows(ax: Axes, edges: list, forward: bool) -> None:
    ends = [edge[3:] if forward else edge[:2:-1] for edge in edges]
    looks = [PATHS.get(edge[2], PARAMETERS) for edge in edges]
    colors, lines = [look[0] for look in looks], [look[1] for look in looks]
    ax.add_collection(LineCollection(ends, colors=colors, linestyles=lines, linewidths=2.4))
    ax.add_collection(PolyCollection([_head(*end) for end in ends], facecolors=colors, linewidths=0))


def _head(start, tip) -> np.ndarray:
    """A triangle at the tip."""
    along = np.subtract(tip, start) / np.hypot(*np.subtract(tip, start))
    across = np.array([-along[1], along[0]])
    base = tip - 1.5 * along
    return np.array([tip + 0.3 * along, base + 0.9 * across, base - 0.9 * across])


def short(number: float) -> str:
    """At most six signs: three decimals for the smallest numbers, none for the largest."""
    size = abs(number)
    return signed_number(number, 3 if size < 0.0095 else 2 if size < 9.995 else 1 if size < 99.95 else 0)
