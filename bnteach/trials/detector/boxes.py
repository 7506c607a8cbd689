"""Boxes: how much two of them overlap, and how to keep one of several around the same object.

A box is four numbers, left, top, right, bottom, in shares of the picture's side: 0 to 1, y grows downward.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["around", "iou", "keep_best"]


def around(center: Tensor, size: Tensor) -> Tensor:
    """The boxes with these centers (..., 2) and these widths and heights (..., 2): (..., 4)."""
    return torch.cat([center - size / 2, center + size / 2], dim=-1)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union: the area that two boxes share, divided by the area that they cover together.

    1 for the same box, 0 for boxes that do not touch. What surprises: 0.5 is less overlap than it sounds. Two
    equal boxes, one shifted by a third of its width, have 0.5.

    Args:
        a, b: boxes (..., 4); shapes are broadcast. A box without area has iou 0 with every box.

    Returns:
        Numbers from 0 to 1, (...).

    Example:
        >>> iou(torch.tensor([0.0, 0, 3, 1]), torch.tensor([1.0, 0, 4, 1])).item()
        0.5
    """
    width, height = (
        (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(0).unbind(-1)
    )
    shared = width * height
    together = area(a) + area(b) - shared
    return torch.where(together > 0, shared / together.clamp(min=torch.finfo(a.dtype).tiny), 0.0)


def area(box: Tensor) -> Tensor:
    """Width times height, as a share of the picture."""
    return (box[..., 2:] - box[..., :2]).prod(dim=-1)


def keep_best(boxes: Tensor, scores: Tensor, limit: float = 0.5) -> Tensor:
    """Non-maximum suppression: of boxes that overlap by more than `limit` only the best-scored is kept.

    Returns the indices of the boxes (n, 4) that are kept, the best first.
    """
    left, kept = scores.argsort(descending=True, stable=True), []
    while len(left):
        best, others = left[0], left[1:]
        kept.append(best)
        left = others[iou(boxes[best], boxes[others]) <= limit]
    return torch.stack(kept) if kept else left
