"""Mean average precision (mAP): one number for a detector's list of boxes, classes and scores.

Source: M. Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", 2015, section
2.2, with the area under the curve as from 2010 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from bnteach.trials.detector.boxes import iou

__all__ = ["Found", "average_precision", "hits_of", "mean_average_precision"]


class Found(NamedTuple):
    """What a detector found in one picture.

    Attributes:
        boxes: (k, 4).
        labels: (k,): their classes.
        scores: (k,): how sure it is.
    """

    boxes: torch.Tensor
    labels: torch.Tensor
    scores: torch.Tensor


def average_precision(scores, hits, objects: int) -> float:
    """The area under the curve of precision over recall, for one class.

    We go down the list, the best score first. After each detection, *precision* is the share of hits among
    all so far; *recall* is the share of the objects that were found so far. The curve is then made to fall
    only: at each recall counts the best precision reached there or later.

    What surprises: objects that were never found cost area, since recall never gets to 1.

    Args:
        scores: (k,), of the detections.
        hits: (k,), bool: which of them are right.
        objects: how many there are to find, at least 1.

    Example:
        >>> average_precision([0.9, 0.8, 0.7], [True, False, True], objects=2)  # 1/2 · 1 + 1/2 · 2/3
        0.8333
    """
    order = np.argsort(-np.asarray(scores, float), kind="stable")
    hits = np.asarray(hits, bool)[order]
    found = hits.cumsum()
    precision = found / np.arange(1, len(hits) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best_from_here[hits].sum() / objects)


def hits_of(found: Found, boxes: torch.Tensor, labels: torch.Tensor, overlap: float = 0.5) -> np.ndarray:
    """Which detections of one picture are right, (k,) bool.

    The best score chooses first. A detection takes the object of its class that it overlaps most; it is a hit
    if the IoU is at least `overlap` and nobody has taken this object before. So a second box around the
    same digit is wrong.
    """
    hits, taken = np.zeros(len(found.scores), bool), torch.zeros(len(labels), dtype=torch.bool)
    for one in found.scores.argsort(descending=True, stable=True).tolist():
        fits = torch.where(labels == found.labels[one], iou(found.boxes[one], boxes), -1.0)
        if len(fits) and fits.max() >= overlap and not taken[fits.argmax()]:
            hits[one] = taken[fits.argmax()] = True
    return hits


def mean_average_precision(
    found: Sequence[Found],
    boxes: Sequence[torch.Tensor],
    labels: Sequence[torch.Tensor],
    overlap: float = 0.5,
) -> float:
    """The mean of the classes' average precisions, over the classes that occur in the true labels.

    `found`, `boxes` (k, 4) and `labels` (k,) are given picture by picture; a box is right from an IoU of
    `overlap` on. The result is between 0 and 1.
    """
    if not len(found) == len(boxes) == len(labels):
        raise ValueError(f"found, boxes, labels are for {len(found)}, {len(boxes)}, {len(labels)} pictures")
    hits = np.concatenate([hits_of(*one, overlap) for one in zip(found, boxes, labels, strict=True)] or [[]])
    scores, kinds = (
        torch.cat([getattr(one, part) for one in found]).numpy() for part in ("scores", "labels")
    )
    truth = torch.cat(list(labels)).numpy()
    if len(truth) == 0:
        raise ValueError("there is no object in any picture, expected at least one")
    classes = np.unique(truth)
    return float(
        np.mean(
            [average_precision(scores[kinds == c], hits[kinds == c], (truth == c).sum()) for c in classes]
        )
    )
