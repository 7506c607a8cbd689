"""Scenes, the tiny YOLO, and its trial."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from bnteach.data import digits
from bnteach.trials.detector import detect, detector_steps, mean_ap, tiny_yolo, trials
from bnteach.trials.detector.scenes import CELLS, SIDE, make_scenes
from bnteach.trials.detector.yolo_loss import targets

RESULTS = Path(__file__).resolve().parents[3] / "notebooks" / "results"


@pytest.fixture(scope="module")
def data():
    return digits()


@pytest.fixture(scope="module")
def scenes(data):
    return make_scenes(data.x_train, data.y_train, 200, seed=3)


def test_scenes_hold_one_to_three_digits_in_cells_of_their_own(scenes):
    assert scenes.pictures.shape == (200, 1, SIDE, SIDE)
    counts = [len(labels) for labels in scenes.labels]
    assert set(counts) == {1, 2, 3}
    assert [len(boxes) for boxes in scenes.boxes] == counts
    assert targets(scenes, CELLS, 10).has_object.sum() == sum(counts)  # no center hides another
    assert set(torch.cat(scenes.labels).tolist()) == set(range(10))


def test_no_center_hides_another_where_the_ink_is_at_the_edge():
    """Ink at the right edge of one square beside ink at the left edge of the next: the centers are close."""
    left, right = np.zeros((8, 8), np.float32), np.zeros((8, 8), np.float32)
    left[:, :2], right[:, -2:] = 1, 1
    made = make_scenes(np.stack([left, right]).reshape(2, 64), np.array([0, 1]), 300, seed=0)
    assert targets(made, CELLS, 10).has_object.sum() == sum(map(len, made.labels))


def test_boxes_are_tight(scenes):
    """Outside the boxes there is noise and faint ink alone; along each of a box's edges there is ink."""
    for picture, boxes in zip(scenes.pictures[:, 0], scenes.boxes, strict=True):
        outside = torch.ones_like(picture, dtype=torch.bool)
        for left, top, right, bottom in (boxes * SIDE).long().tolist():
            outside[top:bottom, left:right] = False
            inside = picture[top:bottom, left:right]
            edges = inside[0], inside[-1], inside[:, 0], inside[:, -1]
            assert min(edge.max() for edge in edges) > 0.15 * 0.6  # ink of the faintest digit
        assert picture[outside].max() < 0.1 + 0.15


def test_a_scene_is_made_of_the_digits_given(data):
    """White squares stay white squares: as large and as bright as the recipe says, where their boxes say."""
    white = np.ones((1, 64), np.float32)
    made = make_scenes(white, np.array([4]), 5, seed=0)
    assert all((labels == 4).all() for labels in made.labels)
    for picture, boxes in zip(made.pictures[:, 0], made.boxes, strict=True):
        for left, top, right, bottom in (boxes * SIDE).long().tolist():
            assert right - left == bottom - top
            assert 10 <= right - left <= 14
            assert picture[top:bottom, left:right].min() > 0.6


def test_the_seed_decides_the_scenes(data):
    one, again, other = (make_scenes(data.x_test, data.y_test, 5, seed) for seed in (0, 0, 1))
    assert torch.equal(one.pictures, again.pictures)
    assert not torch.equal(one.pictures, other.pictures)
    assert repr(one).startswith("Scenes(5 pictures with ")


def test_only_bn_differs():
    before = torch.get_rng_state()
    with_bn, without = (tiny_yolo(choice, seed=4) for choice in (True, False))
    assert torch.equal(torch.get_rng_state(), before)
    convolutions = [[layer for layer in net if isinstance(layer, nn.Conv2d)] for net in (with_bn, without)]
    assert len(convolutions[0]) == 7
    for one, other in zip(*convolutions, strict=True):
        assert torch.equal(one.weight, other.weight)
        assert not other.bias.any()
    assert [conv.bias is None for conv in convolutions[0]] == [True] * 6 + [False]
    norms = [place for place, layer in enumerate(with_bn) if isinstance(layer, nn.BatchNorm2d)]
    assert all(isinstance(with_bn[place - 1], nn.Conv2d) for place in norms)
    assert all(isinstance(with_bn[place + 1], nn.LeakyReLU) for place in norms)
    assert len(norms) == 6
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in without)
    assert not torch.equal(tiny_yolo(True, seed=5)[0].weight, with_bn[0].weight)


class Knows(nn.Module):
    """A network that gives a fixed answer: the true one, or one with some cells changed."""

    def __init__(self, scenes):
        super().__init__()
        wanted = targets(scenes, CELLS, 10)
        sure = wanted.has_object[..., None].float()
        right = torch.cat([wanted.center, wanted.size.sqrt(), sure], dim=-1)
        self.answer = torch.cat([right, 0.5 * right, wanted.classes], dim=-1)

    def forward(self, pictures):
        return self.answer


def test_who_answers_with_the_truth_has_100_percent(scenes):
    network = Knows(scenes)
    assert mean_ap(network, scenes) == 100
    for found, boxes, labels in zip(
        detect(network, scenes.pictures), scenes.boxes, scenes.labels, strict=True
    ):
        order, true_order = found.boxes[:, 0].argsort(), boxes[:, 0].argsort()
        if len(found.boxes) == len(boxes):
            torch.testing.assert_close(found.boxes[order], boxes[true_order], atol=1e-5, rtol=0)
            assert torch.equal(found.labels[order], labels[true_order])


def test_moved_boxes_and_wrong_classes_have_nothing(scenes):
    moved, wrong = Knows(scenes), Knows(scenes)
    moved.answer[..., 0] += 1.5  # in cells: more than a third of every box
    moved.answer[..., 4] *= 2  # and it is sure of it
    moved.answer[..., 9] = 0
    wrong.answer[..., 10:] = wrong.answer[..., 10:].roll(1, dims=-1)
    assert mean_ap(moved, scenes) < 2
    assert mean_ap(wrong, scenes) < 2


def test_boxes_of_other_classes_are_not_suppressed():
    network = nn.Identity()
    answer = torch.zeros(1, 4, 4, 20)
    same = torch.tensor([0.5, 0.5, 0.5, 0.5, 0.9])
    answer[0, 1, 1, :5], answer[0, 1, 1, 5:10], answer[0, 1, 1, 13] = same, same, 1  # twice a 3
    answer[0, 1, 2, :5], answer[0, 1, 2, 15] = (
        same - torch.tensor([1, 0, 0, 0, 0.4]),
        1,
    )  # a 5, at the same place
    (found,) = detect(network, answer)
    assert found.labels.tolist() == [3, 5]
    torch.testing.assert_close(found.boxes[0], found.boxes[1])
    torch.testing.assert_close(found.scores, torch.tensor([0.9, 0.5]))


def test_nothing_is_found_where_confidence_and_score_are_both_negative():
    answer = torch.full((1, 4, 4, 20), -1.0)
    assert len(detect(nn.Identity(), answer)[0].scores) == 0


def test_a_network_that_has_diverged_has_nothing(scenes):
    network = tiny_yolo(batch_norm=False)
    network[0].weight.data.fill_(torch.nan)
    assert mean_ap(network, scenes) == 0


def test_detecting_leaves_the_network_as_it_was(scenes):
    network = tiny_yolo(batch_norm=True).train()
    mean = network[1].running_mean.clone()
    detect(network, scenes.pictures[:10])
    assert network.training
    assert torch.equal(network[1].running_mean, mean)


def test_training_lowers_the_loss_and_repeats(scenes):
    def losses():
        network = tiny_yolo(batch_norm=True)
        steps = detector_steps(network, scenes, steps=60, learning_rate=0.004, batch_size=16, seed=1)
        return [step.loss for step in steps]

    once = losses()
    assert once == losses()
    assert len(once) == 60
    assert np.mean(once[-10:]) < 0.7 * np.mean(once[:5])


def test_the_rate_falls_to_zero(scenes):
    network, weights = tiny_yolo(batch_norm=False), []
    for _ in detector_steps(network, scenes, steps=20, learning_rate=0.004, batch_size=4):
        weights.append(network[0].weight.detach().clone())
    moves = [(b - a).norm() for a, b in pairwise(weights)]
    assert moves[-1] < 0.1 * max(moves)


def test_scenes_to_judge_by_have_digits_of_their_own(data, monkeypatch):
    made = []
    monkeypatch.setattr(trials, "make_scenes", lambda x, y, count, seed: made.append((x, count, seed)))
    trials.training_scenes.__wrapped__(0)
    trials.validation_and_test_scenes.__wrapped__()
    rows = [{row.tobytes() for row in x} for x, _, _ in made]
    assert len(made) == 3
    assert not rows[0] & rows[1]
    assert not rows[0] & rows[2]
    assert not rows[1] & rows[2]


def test_what_lies_beside_the_lesson_is_whole():
    kept = json.loads((RESULTS / "11_learning_rates.json").read_text(encoding="utf-8"))
    assert set(kept) == {"command", "date", "versions", "results"}
    runs = pd.DataFrame(kept["results"])
    assert runs["steps"].unique().tolist() == trials.TRAINING_STEPS
    assert runs["learning_rate"].unique().tolist() == trials.LEARNING_RATES
    assert len(runs) == len(trials.TRAINING_STEPS) * 2 * len(trials.LEARNING_RATES) * 5
    for result in ("mAP", "mAP to choose by"):
        assert 0 <= runs[result].min() < runs[result].max() <= 100
    to_choose = runs.groupby(["steps", "batch_norm", "learning_rate"])["mAP to choose by"].mean()
    best = {batch_norm: to_choose[800, batch_norm].idxmax() for batch_norm in (True, False)}
    assert best == trials.BEST_RATES


def test_boxes_of_both_detectors_are_kept_for_four_scenes(monkeypatch):
    monkeypatch.setattr(trials, "trained_detector", lambda batch_norm, rate, steps: tiny_yolo(batch_norm))
    kept = json.loads((RESULTS / "11_boxes.json").read_text(encoding="utf-8"))["results"]
    for found in (trials.boxes_at_best_rates(least=0.0), kept):
        assert list(found) == ["with_bn", "without_bn"]
        for parts in found.values():
            counts = [[len(of_scene) for of_scene in part] for part in parts.values()]
            assert list(parts) == ["boxes", "labels", "scores"]
            assert counts[0] == counts[1] == counts[2]
            assert len(counts[0]) == 4
