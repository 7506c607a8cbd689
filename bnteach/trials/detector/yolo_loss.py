"""YOLO's loss: what a grid of cells should say about a picture, and how far it is from that.

The picture is divided into S x S cells. The cell in which an object's center lies is *responsible* for it. A
cell gives B boxes and C class scores: B · 5 + C numbers. Of each box it gives

    x, y    the center, from the cell's own left upper corner, in cells
    u, v    the square roots of the width and the height, in shares of the picture
    c       the confidence: how sure is it that here is an object, and that the box fits

Source: J. Redmon et al., "You Only Look Once", 2016, arXiv:1506.02640, section 2.2, equation 3.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from bnteach.trials.detector.boxes import around, iou
from bnteach.trials.detector.scenes import Scenes

__all__ = ["Targets", "boxes_of", "split", "targets", "yolo_loss"]

COORDINATES, NO_OBJECT = 5.0, 0.5  # the paper's λ_coord and λ_noobj


class Targets(NamedTuple):
    """What the cells should say, for n pictures.

    Attributes:
        has_object: (n, S, S), bool: the center of an object lies here; rows are counted from the top.
        center: (n, S, S, 2): its x and y in the cell.
        size: (n, S, S, 2): its width and height, in shares of the picture.
        classes: (n, S, S, C): 1 for its class.
    """

    has_object: Tensor
    center: Tensor
    size: Tensor
    classes: Tensor

    def at(self, chosen: Tensor) -> Targets:
        """The targets of some of the pictures."""
        return Targets(*(part[chosen] for part in self))


def targets(scenes: Scenes, cells: int, classes: int) -> Targets:
    """Write the true boxes into the cells of a grid. Where two centers share a cell, the last one stays.

    Example:
        >>> box, label = torch.tensor([[0.1, 0.5, 0.3, 0.9]]), torch.tensor([7])
        >>> wanted = targets(Scenes(torch.zeros(1, 1, 32, 32), [box], [label]), cells=4, classes=10)
        >>> wanted.has_object.nonzero().tolist()  # picture 0, row 2, column 0
        [[0, 2, 0]]
        >>> wanted.center[0, 2, 0], wanted.size[0, 2, 0]
        (tensor([0.8000, 0.8000]), tensor([0.2000, 0.4000]))
    """
    shape = len(scenes), cells, cells
    wanted = Targets(torch.zeros(shape, dtype=torch.bool), *(torch.zeros(*shape, k) for k in (2, 2, classes)))
    for number, (boxes, labels) in enumerate(zip(scenes.boxes, scenes.labels, strict=True)):
        center = (boxes[:, :2] + boxes[:, 2:]) / 2 * cells
        column, row = center.long().unbind(-1)
        wanted.has_object[number, row, column] = True
        wanted.center[number, row, column] = center % 1
        wanted.size[number, row, column] = boxes[:, 2:] - boxes[:, :2]
        wanted.classes[number, row, column] = one_hot(labels, classes).float()
    return wanted


def split(output: Tensor, classes: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A network's output (n, S, S, B · 5 + C) in parts: centers, roots of sizes, confidences, scores."""
    numbers = output.shape[-1] - classes
    if numbers < 5 or numbers % 5:
        raise ValueError(
            f"output has {output.shape[-1]} numbers a cell, expected B · 5 + {classes} with B ≥ 1"
        )
    boxes = output[..., :numbers].unflatten(-1, (-1, 5))
    return boxes[..., :2], boxes[..., 2:4], boxes[..., 4], output[..., numbers:]


def boxes_of(centers: Tensor, sizes: Tensor) -> Tensor:
    """Boxes (n, S, S, B, 4) in shares of the picture, from centers in cells and sizes in such shares."""
    steps = torch.arange(centers.shape[1])
    row, column = torch.meshgrid(steps, steps, indexing="ij")
    corner = torch.stack([column, row], dim=-1)[:, :, None]
    return around((corner + centers) / len(steps), sizes)


def yolo_loss(output: Tensor, wanted: Targets) -> Tensor:
    """The sum of squared errors of equation 3, as the mean over the pictures.

        5 · (errors of x, y, u, v)      for the responsible box of each cell with an object
        + (c − IoU)²                    for the same boxes: its confidence should say how well it fits
        + 0.5 · c²                      for all other boxes
        + (errors of the class scores)  for each cell with an object

    Of the boxes of a cell the one that fits best now (largest IoU with the true box) is responsible. Which
    one that is, and the IoU itself, are taken as constants: no gradient flows through them.

    Args:
        output: of the network, (n, S, S, B · 5 + C).
        wanted: from `targets`.

    Returns:
        One number.
    """
    centers, roots, confidence, scores = split(output, wanted.classes.shape[-1])
    here = wanted.has_object
    with torch.no_grad():
        true = boxes_of(wanted.center[..., None, :], wanted.size[..., None, :])
        fits = iou(boxes_of(centers, roots**2), true)
        responsible = one_hot(fits.argmax(dim=-1), fits.shape[-1]).bool() & here[..., None]
    off = (centers - wanted.center[..., None, :]) ** 2 + (roots - wanted.size.sqrt()[..., None, :]) ** 2
    loss = COORDINATES * off[responsible].sum()
    loss = (
        loss
        + ((confidence - fits)[responsible] ** 2).sum()
        + NO_OBJECT * (confidence[~responsible] ** 2).sum()
    )
    loss = loss + ((scores - wanted.classes)[here] ** 2).sum()
    return loss / len(output)
