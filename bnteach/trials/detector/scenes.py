"""Scenes to search: pictures with one to three real digits of different size, brightness and place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import interpolate

__all__ = ["CELLS", "SIDE", "Scenes", "make_scenes"]

SIDE = 32  # pixels of a scene, both ways
CELLS = 4  # of the grid that the detector lays over a scene, both ways
SMALLEST, LARGEST = 10, 14  # pixels of a digit's square
FAINTEST = 0.6  # the brightness of a digit is between this and 1
INK = 0.15  # pixels above this share of the digit's brightest belong to it
TRIES = 50  # to find a free place for a digit


@dataclass(frozen=True)
class Scenes:
    """Pictures, and the true box and the class of each object in them.

    Attributes:
        pictures: (n, 1, 32, 32), float32, from 0 to 1.
        boxes: n tensors (k, 4): left, top, right, bottom of each object, in shares of the side.
        labels: n tensors (k,): the digits.
    """

    pictures: torch.Tensor
    boxes: list[torch.Tensor]
    labels: list[torch.Tensor]

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        return f"Scenes({len(self)} pictures with {sum(map(len, self.labels))} digits)"


def make_scenes(digits: np.ndarray, labels: np.ndarray, count: int, seed: int = 0) -> Scenes:
    """Lay one to three digits, enlarged, at free places of a dark picture.

    The recipe: a digit is chosen at random, enlarged (bilinear) to a square of 10 to 14 pixels, dimmed by a
    factor of 0.6 to 1, and laid at a random place. Its box is drawn tightly around its ink. The squares do
    not overlap, and no two centers lie in the same cell of a 4 x 4 grid: a detector like YOLOv1 can see one
    class a cell. (In real photographs both happen, and cost it objects.) Under all lies noise, 0 to 0.1.
    In a few crowded scenes a digit finds no free place, and is left out.
    """
    rng = np.random.default_rng(seed)
    made = [_scene(digits, labels, rng) for _ in range(count)]
    pictures = torch.stack([picture for picture, _, _ in made])
    return Scenes(pictures, [boxes for _, boxes, _ in made], [classes for _, _, classes in made])


def _scene(digits, labels, rng) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    picture = torch.from_numpy(rng.uniform(0, 0.1, size=(1, SIDE, SIDE)).astype(np.float32))
    squares, boxes, classes = [], [], []
    for chosen in rng.integers(len(digits), size=rng.integers(1, 4)):
        digit = _enlarged(digits[chosen], int(rng.integers(SMALLEST, LARGEST + 1)))
        place = _free_place(digit, squares, boxes, rng)
        if place is None:
            continue
        left, top, size = place
        squares.append(place)
        boxes.append(_tight_box(digit, left, top))
        classes.append(int(labels[chosen]))
        picture[0, top : top + size, left : left + size] += digit * rng.uniform(FAINTEST, 1)
    return picture.clamp(0, 1), torch.stack(boxes), torch.tensor(classes)


def _enlarged(digit: np.ndarray, size: int) -> torch.Tensor:
    square = torch.from_numpy(np.asarray(digit, np.float32)).reshape(1, 1, 8, 8)
    return interpolate(square, size=(size, size), mode="bilinear", align_corners=False)[0, 0]


def _free_place(digit, squares, boxes, rng) -> tuple[int, int, int] | None:
    size, taken = len(digit), [_cell(box) for box in boxes]
    for _ in range(TRIES):
        left, top = map(int, rng.integers(0, SIDE - size + 1, size=2))
        apart = all(
            left >= x + s or x >= left + size or top >= y + s or y >= top + size for x, y, s in squares
        )
        if apart and _cell(_tight_box(digit, left, top)) not in taken:
            return left, top, size
    return None


def _tight_box(digit: torch.Tensor, left: int, top: int) -> torch.Tensor:
    rows, columns = torch.nonzero(digit > INK * digit.max(), as_tuple=True)
    edges = [left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1]
    return torch.stack(edges).float() / SIDE


def _cell(box: torch.Tensor) -> tuple[int, ...]:
    center = (box[:2] + box[2:]) / 2
    return tuple((center * CELLS).long().tolist())
