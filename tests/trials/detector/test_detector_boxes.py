"""Overlap of boxes, and one box for each object."""

import numpy as np
import pytest
import torch

from bnteach.trials.detector.boxes import around, iou, keep_best


def box(*edges):
    return torch.tensor(edges, dtype=torch.float64)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (box(0, 0, 2, 2), box(0, 0, 2, 2), 1),
        (box(0, 0, 2, 2), box(1, 1, 3, 3), 1 / 7),
        (box(0, 0, 4, 4), box(1, 1, 3, 2), 2 / 16),  # one inside the other
        (box(0, 0, 1, 1), box(1, 0, 2, 1), 0),  # they touch
        (box(0, 0, 1, 1), box(5, 5, 6, 6), 0),  # two negative lengths make no area
        (box(0, 0, 0, 3), box(0, 0, 0, 3), 0),  # no area
    ],
)
def test_known_overlaps(a, b, expected):
    assert iou(a, b).item() == pytest.approx(expected)
    assert iou(b, a).item() == pytest.approx(expected)


def test_overlap_is_what_counting_squares_gives():
    """Boxes on a grid of 12 x 9 squares, drawn and counted."""
    rng = np.random.default_rng(1)

    def drawn():
        (left, right), (top, bottom) = (sorted(rng.choice(n + 1, 2, replace=False)) for n in (12, 9))
        squares = np.zeros((9, 12), bool)
        squares[top:bottom, left:right] = True
        return box(left, top, right, bottom), squares

    for _ in range(50):
        (a, squares_a), (b, squares_b) = drawn(), drawn()
        expected = (squares_a & squares_b).sum() / (squares_a | squares_b).sum()
        assert iou(a, b).item() == pytest.approx(expected)


def test_overlaps_are_broadcast():
    a, b = around(torch.rand(5, 1, 2), torch.rand(5, 1, 2)), around(torch.rand(3, 2), torch.rand(3, 2))
    assert iou(a, b).shape == (5, 3)
    assert iou(a, b)[4, 2] == iou(a[4, 0], b[2])


def test_a_box_that_only_overlaps_a_dropped_one_stays():
    boxes = torch.stack([box(0, 0, 10, 10), box(0, 3, 10, 13), box(0, 6, 10, 16)])  # 7/13 and 4/16 of overlap
    assert keep_best(boxes, torch.tensor([0.9, 0.8, 0.7])).tolist() == [0, 2]
    assert keep_best(boxes, torch.tensor([0.8, 0.9, 0.7])).tolist() == [1]
    assert keep_best(boxes, torch.tensor([0.7, 0.8, 0.9]), limit=0.6).tolist() == [2, 1, 0]


def test_no_boxes_keep_none():
    assert keep_best(torch.zeros(0, 4), torch.zeros(0)).tolist() == []
