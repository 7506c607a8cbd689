"""Mean average precision against cases worked by hand, and against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, precision_recall_curve

from bnteach.trials.detector.mean_average_precision import (
    Found,
    average_precision,
    hits_of,
    mean_average_precision,
)

HERE, THERE, BESIDE = [0, 0, 4, 4], [5, 5, 9, 9], [0, 1, 4, 5]  # BESIDE overlaps HERE by 12/20


def found(boxes, labels, scores):
    return Found(torch.tensor(boxes).reshape(-1, 4).float(), torch.tensor(labels), torch.tensor(scores))


def truth(boxes, labels):
    return torch.tensor(boxes).reshape(-1, 4).float(), torch.tensor(labels)


@pytest.mark.parametrize(
    ("hits", "objects", "expected"),
    [
        ([1, 1, 1], 3, 1),
        ([1, 1, 1], 6, 1 / 2),  # half of the objects were never found
        ([0, 0, 0], 3, 0),
        ([], 3, 0),
        ([0, 1], 1, 1 / 2),
        ([1, 0, 1, 0, 0, 1], 4, (1 + 2 / 3 + 3 / 6) / 4),
        ([0, 1, 1], 2, (2 / 3 + 2 / 3) / 2),  # the precision rises again: 1/2 becomes 2/3
    ],
)
def test_average_precisions_worked_by_hand(hits, objects, expected):
    scores = np.linspace(0.9, 0.1, len(hits))
    assert average_precision(scores, np.array(hits, bool), objects) == pytest.approx(expected)


def test_the_list_is_sorted_by_score():
    hits, scores = np.array([False, True, True]), np.array([0.1, 0.5, 0.9])
    assert average_precision(scores, hits, 2) == 1


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_area_under_scikit_learns_curve(seed):
    rng = np.random.default_rng(seed)
    scores, hits = rng.normal(size=30), rng.random(30) < 0.4
    missed = int(rng.integers(0, 5))
    precision, recall, _ = precision_recall_curve(hits, scores)  # from the largest recall to the smallest
    falling = np.maximum.accumulate(precision)
    expected = -np.sum(np.diff(recall) * falling[:-1]) * hits.sum() / (hits.sum() + missed)
    assert average_precision(scores, hits, hits.sum() + missed) == pytest.approx(expected)


@pytest.mark.parametrize("hits", [[1, 1, 0, 1, 0, 0, 1], [1, 0, 1, 0, 0, 1], [1, 1, 1, 0]])
def test_where_the_precision_of_the_hits_never_rises_it_is_scikit_learns(hits):
    scores = np.linspace(1, 0, len(hits))
    ours = average_precision(scores, np.array(hits, bool), sum(hits))
    assert ours == pytest.approx(average_precision_score(hits, scores))


def test_elsewhere_it_is_larger():
    hits, scores = [False, True, True], [0.9, 0.5, 0.1]
    assert average_precision(scores, hits, 2) > average_precision_score(hits, scores) + 0.05


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (found([HERE, THERE], [1, 2], [0.9, 0.8]), [True, True]),
        (found([HERE, THERE], [2, 1], [0.9, 0.8]), [False, False]),  # the classes changed places
        (found([HERE, BESIDE], [1, 1], [0.8, 0.9]), [False, True]),  # twice the same: the surer one counts
        (found([BESIDE], [1], [0.9]), [True]),
        (found([], [], []), []),
    ],
)
def test_hits(answer, expected):
    assert hits_of(answer, *truth([HERE, THERE], [1, 2])).tolist() == expected


def test_the_overlap_asked_for_decides():
    answer, there = found([BESIDE], [1], [0.9]), truth([HERE], [1])
    assert hits_of(answer, *there, overlap=0.6).tolist() == [True]  # 12/20 is enough
    assert hits_of(answer, *there, overlap=0.61).tolist() == [False]


def test_a_box_takes_the_object_that_it_overlaps_most():
    near, far = [0, 0, 4, 5], [0, 0, 4, 7]
    answer = found([HERE, far], [1, 1], [0.9, 0.8])
    assert hits_of(answer, *truth([far, near], [1, 1]), overlap=0.5).tolist() == [True, True]


def test_a_picture_without_objects_has_no_hits():
    assert hits_of(found([HERE], [1], [0.9]), *truth([], [])).tolist() == [False]


def test_the_mean_over_classes_and_pictures_by_hand():
    """Class 1: two objects; hit at 0.9, miss at 0.8, hit at 0.7: (1 + 2/3) / 2. Class 2: missed: 0."""
    answers = [found([HERE, THERE], [1, 1], [0.9, 0.8]), found([THERE], [1], [0.7])]
    boxes, labels = zip(truth([HERE], [1]), truth([THERE, HERE], [1, 2]), strict=True)
    assert mean_average_precision(answers, boxes, labels) == pytest.approx((5 / 6 + 0) / 2)


def test_a_class_that_is_nowhere_does_not_count():
    answers = [found([HERE, THERE], [1, 7], [0.9, 0.95])]
    boxes, labels = zip(truth([HERE], [1]), strict=True)
    assert mean_average_precision(answers, boxes, labels) == 1


def test_refusals():
    boxes, labels = truth([HERE], [1])
    with pytest.raises(ValueError, match="for 0, 1, 1 pictures"):
        mean_average_precision([], [boxes], [labels])
    with pytest.raises(ValueError, match="no object in any picture"):
        mean_average_precision([found([HERE], [1], [0.9])], *[[part] for part in truth([], [])])
