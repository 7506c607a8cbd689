"""YOLO's loss against numbers worked by hand, and against equation 3 written as loops."""

import pytest
import torch

from bnteach.trials.detector.scenes import Scenes
from bnteach.trials.detector.yolo_loss import Targets, split, targets, yolo_loss

CELLS, CLASSES = 4, 3


def some_scenes():
    boxes = [
        torch.tensor([[0.1, 0.3, 0.3, 0.9], [0.6, 0.05, 0.98, 0.25]]),
        torch.tensor([[0.3, 0.3, 0.9, 0.7]]),
    ]
    return Scenes(torch.zeros(2, 1, 32, 32), boxes, [torch.tensor([2, 0]), torch.tensor([1])])


def perfect(wanted, boxes=2):
    """An output without an error: the first box of each cell is right, its confidence is 1."""
    of_box = torch.cat([wanted.center, wanted.size.sqrt(), wanted.has_object[..., None].float()], dim=-1)
    others = torch.zeros(*of_box.shape[:-1], 5 * (boxes - 1))
    return torch.cat([of_box, others, wanted.classes], dim=-1)


def loops(output, scenes):
    """Equation 3 of the paper, term by term, for B = 2 boxes a cell."""
    loss = 0.0
    for cells, boxes, labels in zip(output.tolist(), scenes.boxes, scenes.labels, strict=True):
        objects = {}
        for (left, top, right, bottom), label in zip(boxes.tolist(), labels.tolist(), strict=True):
            x, y = CELLS * (left + right) / 2, CELLS * (top + bottom) / 2
            objects[int(y), int(x)] = (x % 1, y % 1, right - left, bottom - top, label)
        for row in range(CELLS):
            for column in range(CELLS):
                numbers = cells[row][column]
                predictors, scores = [numbers[:5], numbers[5:10]], numbers[10:]
                if (row, column) not in objects:
                    loss += 0.5 * sum(p[4] ** 2 for p in predictors)
                    continue
                x, y, w, h, label = objects[row, column]
                fits = [overlap(p[0], p[1], p[2] ** 2, p[3] ** 2, x, y, w, h) for p in predictors]
                best = fits.index(max(fits))
                p, other = predictors[best], predictors[1 - best]
                loss += 5 * ((p[0] - x) ** 2 + (p[1] - y) ** 2 + (p[2] - w**0.5) ** 2 + (p[3] - h**0.5) ** 2)
                loss += (p[4] - fits[best]) ** 2 + 0.5 * other[4] ** 2
                loss += sum((score - (c == label)) ** 2 for c, score in enumerate(scores))
    return loss / len(output)


def overlap(x, y, w, h, x2, y2, w2, h2):
    """IoU of two boxes given by centers in cells and sizes in shares of the picture."""

    def shared(a, length, b, other):
        a, b = a / CELLS, b / CELLS
        return max(0, min(a + length / 2, b + other / 2) - max(a - length / 2, b - other / 2))

    both = shared(x, w, x2, w2) * shared(y, h, y2, h2)
    return both / (w * h + w2 * h2 - both)


def test_targets_stand_in_the_cell_of_the_center():
    wanted = targets(some_scenes(), CELLS, CLASSES)
    assert wanted.has_object.nonzero().tolist() == [[0, 0, 3], [0, 2, 0], [1, 2, 2]]
    torch.testing.assert_close(wanted.center[0, 2, 0], torch.tensor([0.8, 0.4]))
    torch.testing.assert_close(wanted.size[0, 2, 0], torch.tensor([0.2, 0.6]))
    assert wanted.classes[0, 0, 3].tolist() == [1, 0, 0]
    assert wanted.classes.sum() == 3
    second = wanted.at(torch.tensor([1]))
    assert isinstance(second, Targets)
    assert second.has_object.nonzero().tolist() == [[0, 2, 2]]


def test_a_perfect_answer_has_no_loss():
    wanted = targets(some_scenes(), CELLS, CLASSES)
    assert yolo_loss(perfect(wanted), wanted).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("where", "change", "expected"),
    [
        ((0, 2, 0, 10), 0.3, 0.3**2),  # a class score, in a cell with an object
        ((0, 2, 0, 9), 0.3, 0.5 * 0.3**2),  # the confidence of the box that is not responsible
        ((0, 2, 0, 4), -0.3, 0.3**2),  # the confidence of the responsible one
        ((0, 1, 1, 4), 0.3, 0.5 * 0.3**2),  # the confidence in an empty cell
        ((0, 1, 1, 0), 0.3, 0),  # a place in an empty cell: nobody asks
        ((0, 1, 1, 11), 0.3, 0),  # a class score in an empty cell
        ((0, 2, 0, 5), 0.3, 0),  # the place of the box that is not responsible
        # the box moves by a fifth of its width 0.2: IoU 0.8 / 1.2; 0.04 of the picture are 0.16 of a cell
        ((0, 2, 0, 0), 0.16, 5 * 0.16**2 + (1 - 2 / 3) ** 2),
        # twice the root of the width is four times the width: IoU 1 / 4
        ((0, 2, 0, 2), 0.2**0.5, 5 * 0.2 + (1 - 1 / 4) ** 2),
    ],
)
def test_one_error_costs_what_the_equation_says(where, change, expected):
    wanted = targets(some_scenes(), CELLS, CLASSES)
    output = perfect(wanted)
    output[where] += change
    assert yolo_loss(output, wanted).item() == pytest.approx(
        expected / 2, abs=1e-6
    )  # the mean of two pictures


@pytest.mark.parametrize("seed", range(5))
def test_any_answer_costs_what_the_loops_say(seed):
    scenes, random = some_scenes(), torch.Generator().manual_seed(seed)
    output = torch.rand(2, CELLS, CELLS, 2 * 5 + CLASSES, generator=random) * 1.2 - 0.1
    wanted = targets(scenes, CELLS, CLASSES)
    assert yolo_loss(output.double(), wanted).item() == pytest.approx(loops(output, scenes), rel=1e-5)


def test_the_overlap_is_a_constant_for_the_gradient():
    """A moved box feels its distance alone: d/dx of 5 · 0.1², not the confidence's target."""
    wanted = targets(some_scenes(), CELLS, CLASSES)
    output = perfect(wanted)
    output[0, 2, 0, 0] += 0.1
    output.requires_grad_()
    yolo_loss(output, wanted).backward()
    assert output.grad[0, 2, 0, 0].item() == pytest.approx(5 * 2 * 0.1 / 2, rel=1e-4)
    assert output.grad[0, 2, 0, 1].item() == pytest.approx(0, abs=1e-6)


def test_the_parts_of_an_output():
    output = torch.arange(2 * 5 + 3.0).expand(1, 1, 1, 13)
    centers, roots, confidence, scores = split(output, classes=3)
    assert centers.flatten().tolist() == [0, 1, 5, 6]
    assert roots.flatten().tolist() == [2, 3, 7, 8]
    assert confidence.flatten().tolist() == [4, 9]
    assert scores.flatten().tolist() == [10, 11, 12]
    for width in (3, 12):
        with pytest.raises(ValueError, match=rf"output has {width} numbers a cell, expected B · 5 \+ 3"):
            split(torch.zeros(1, 1, 1, width), classes=3)
