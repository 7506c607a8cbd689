"""Lesson 11, put it in a detector: its exercises and their mistakes."""

# The boxes of the first exercise are compared by small functions, each a line of its recipe.
# ruff: noqa: E731

from collections.abc import Callable
from typing import Any

import numpy as np

from ..checking import Check
from ..running import Probe
from . import folding
from .first_fault import judged_by
from .inputs import readable


def suppressed(order: Any, drops: Callable[[int, int], bool]) -> np.ndarray:
    """Down the list: the first that is left is kept, and what it drops is gone."""
    left, kept = list(order), []
    while left:
        best, *others = left
        kept.append(best)
        left = [other for other in others if not drops(best, other)]
    return np.array(kept)


def keep_best(boxes, scores, limit):
    order = np.argsort(-scores)
    sides = lambda a, b: np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    area = lambda a: (a[2] - a[0]) * (a[3] - a[1])
    shared = lambda a, b: sides(a, b)[0] * sides(a, b)[1]
    together = lambda a, b: area(a) + area(b) - shared(a, b)
    iou = lambda a, b: shared(a, b) / together(a, b)
    drops = lambda best, other: iou(boxes[best], boxes[other]) > limit
    kept = suppressed(order, drops)
    return kept


NOT_SUPPRESSED = """
    > deeper/how_good_is_a_detector: How well two boxes fit

    sides_not_clamped: two boxes that lie apart in both directions share an area
        sides = lambda a, b: np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
        | Both sides come out negative, and their product is positive. A side is at least 0.

    shared_counted_twice: the union counts the shared area twice
        together = lambda a, b: area(a) + area(b)
        | Both areas contain what they share. Subtract it once.

    share_of_one_box: the shared area is divided by the area of one box
        together = lambda a, b: area(b)
        | IoU divides by what both boxes cover together. Else a small box inside a large one fits.

    > deeper/how_good_is_a_detector: From boxes to hits

    worst_first: the worst score comes first
        order = np.argsort(scores)
        | np.argsort sorts upward. The best score must choose first.

    dropped_boxes_drop: a box that was dropped still drops others
        kept = np.array([a for i, a in enumerate(order) if not any(drops(b, a) for b in order[:i])])
        | What is dropped is gone. Only a box that is kept can drop another.

    nothing_dropped: all boxes are kept
        kept = np.array(order)
        | Sorting is the first step. Then drop the boxes that overlap the kept one by more than the limit.

    dropped_at_the_limit: a box is dropped where the IoU is just the limit
        drops = lambda best, other: iou(boxes[best], boxes[other]) >= limit
        | Here a box goes only if the IoU is larger than the limit.
"""


def lists_of_boxes(rng: np.random.Generator) -> list[Probe]:
    """A chain of three, one that lies apart, and a pair just at the limit; then random boxes in a crowd."""
    chain = [[0, 3, 10, 13], [0, 0, 10, 10], [0, 6, 10, 16], [20, 20, 24, 24], [20, 20, 22, 24]]
    read = {"boxes": np.array(chain, float), "scores": np.array([0.8, 0.9, 0.7, 0.5, 0.6]), "limit": 0.5}

    def crowd(n: int, limit: float) -> Probe:
        corner = rng.integers(0, 12, size=(n, 2))
        boxes = np.concatenate([corner, corner + rng.integers(3, 9, size=(n, 2))], axis=1)
        return {"boxes": boxes.astype(float), "scores": rng.permutation(n) / n + 0.01, "limit": limit}

    return [read, crowd(12, 0.11), crowd(15, 0.21), crowd(20, 0.31)]


def cell_loss(boxes, scores, center, size, label, fits):
    responsible = np.argmax(fits)
    place = ((boxes[responsible, :2] - center) ** 2).sum()
    roots = ((boxes[responsible, 2:4] - np.sqrt(size)) ** 2).sum()
    confidence = (boxes[responsible, 4] - fits[responsible]) ** 2
    others = (np.delete(boxes[:, 4], responsible) ** 2).sum()
    classes = ((scores - np.eye(len(scores))[label]) ** 2).sum()
    loss = 5 * (place + roots) + confidence + 0.5 * others + classes
    return loss


OTHER_LOSSES = """
    most_confident_box: the box that is most confident is taken for the responsible one
        responsible = np.argmax(boxes[:, 4])
        | Responsible is the box that fits the true one best, however sure it is.

    first_box: the first box is taken for the responsible one
        responsible = 0
        | Responsible is the box that fits the true one best, wherever it stands.

    roots_squared: the roots are squared, and compared with the sizes
        roots = ((boxes[responsible, 2:4] ** 2 - size) ** 2).sum()
        | The errors of the roots count: so an error of the same size counts more in a small box.

    confidence_of_one: the confidence should be 1
        confidence = (boxes[responsible, 4] - 1) ** 2
        | It should say how well the box fits: its IoU.

    all_boxes_placed: the places of all boxes count
        place = ((boxes[:, :2] - center) ** 2).sum()
        roots = ((boxes[:, 2:4] - np.sqrt(size)) ** 2).sum()
        | Only the responsible box must lie right; of the others only the confidence counts.
"""


def cells(rng: np.random.Generator) -> list[Probe]:
    """A cell to read; then more. The second box fits best, and the last is the most confident."""

    def random(boxes: int, classes: int) -> Probe:
        of_cell = {"boxes": rng.uniform(size=(boxes, 5)), "scores": rng.uniform(size=classes)}
        of_cell["boxes"][-1, 4] = 1.2
        of_scene = {"center": rng.uniform(size=2), "size": rng.uniform(0.1, 0.6, size=2)}
        fits = np.where(np.arange(boxes) == 1, 0.8, rng.uniform(0.1, 0.6, size=boxes))
        return {**of_cell, **of_scene, "label": int(rng.integers(classes)), "fits": fits}

    return [readable(random(3, 3)), random(3, 4), random(2, 5), random(4, 3)]


EXERCISES = [
    Check(
        keep_best,
        lists_of_boxes,
        has_slips=False,
        hints="""First a function for the IoU of two boxes. Then sort, and work down a list of what is left.
        The shared box goes from the larger left edge to the smaller right one. A negative width is 0.
        While indices are left: keep the first, and go on with those whose IoU with it is at most `limit`.""",
        lesson=("deeper/how_good_is_a_detector", "From boxes to hits"),
        mistakes=(NOT_SUPPRESSED,),
    ),
    Check(
        cell_loss,
        cells,
        hints="""Which box is responsible? `fits` says it. Four sums follow, one for each point of the list.
        `boxes[responsible, 2:4]` are roots: compare with `np.sqrt(size)`. `np.delete` gives the other boxes.
        The scores should be 1 for `label` and 0 else: `np.eye(len(scores))[label]`.""",
        lesson=("deeper/how_good_is_a_detector", "What the loss asks"),
        mistakes=(OTHER_LOSSES,),
    ),
    judged_by(
        folding.facts,
        folding.NOT_FOLDED,
        others=[folding.OTHER_ANSWERS],
        probes=lambda rng: [{"seed": int(seed)} for seed in rng.integers(1000, size=3)],
        name="fold_network",
        takes=("network",),
        hints="""Build a list of new layers. When may a BN be folded into the last layer of this list?
        Only a `BatchNorm2d` directly behind a `Conv2d`: the fold replaces that layer. Else append the layer.
        `torch.nn.utils.fusion.fuse_conv_bn_eval(conv, bn)` folds. End: `nn.Sequential(*layers).eval()`.""",
        lesson=("deeper/what_does_bn_cost_a_detector", "Run"),
    ),
]
