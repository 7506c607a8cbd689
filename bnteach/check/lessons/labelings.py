"""Lesson 03's experiment: labels of points that a sigmoid network with BN, but without β, cannot learn."""

from typing import Any

import numpy as np

from ..answers import OddAnswer, as_array, described, unpacked
from ..running import Probe
from .first_fault import Facts, judged_by

LABELINGS = """
    mean_forgotten: the labels go by the place of the points, not by their place seen from the mean
        | These points do not lie around 0. BN subtracts their mean, so subtract it before you choose labels.

    one_sided: fewer than a quarter of the points have one of the two labels
        | Then a network that always gives the other label is nearly right.

    hard_is_a_ring: in `hard` the distance from the mean gives the label away, as in the rings
        | Find another pattern that a network without β cannot learn.

    hard_too_hard: a network with β does not learn `hard`
        | Labels without a pattern show nothing about β. A network with β must learn them.

    hard_too_easy: a network without β learns `hard`
        | Seen from the mean, its scores of p and −p have the same sum for all pairs.

    easy_too_hard: a network without β does not learn `easy`
        | Opposite points, seen from the mean, need different labels.
"""

MIDDLES = [3.0, -1.0], [-2.0, 5.0], [4.0, 4.0]  # never at 0


def learned(points: np.ndarray, labels: np.ndarray, with_beta: bool) -> float:
    """How many of some new points a wide sigmoid layer gets right, with its output layer fitted."""
    random = np.random.default_rng(0)
    weights, shifts = random.normal(0, 2, (2, 100)), random.normal(0, 2, 100) * with_beta
    units = np.tanh((points - points.mean(axis=0)) / points.std(axis=0) @ weights + shifts)
    rows, target = np.column_stack([units, np.ones(len(units))]), 2.0 * labels - 1
    a, b = rows[::2], target[::2]
    fitted = np.linalg.solve(a.T @ a + 0.01 * np.eye(a.shape[1]), a.T @ b)
    return float(np.mean((rows[1::2] @ fitted > 0) == (target[1::2] > 0)))


def facts(answer: Any, inputs: Probe) -> Facts:
    points = inputs["middle"] + np.random.default_rng(0).uniform(-1, 1, (600, 2))
    centered = points - points.mean(axis=0)
    hard, easy = labels_of(answer, points)
    distance = np.linalg.norm(centered, axis=1)
    yield "mean_forgotten", balanced(hard, easy) or not balanced(*labels_of(answer, centered))
    yield "one_sided", balanced(hard, easy)
    yield "hard_is_a_ring", 0.2 < np.mean((distance > np.median(distance)) == hard) < 0.8
    yield "hard_too_hard", learned(points, hard, with_beta=True) > 0.85
    yield "hard_too_easy", learned(points, hard, with_beta=False) <= 0.75
    yield "easy_too_hard", learned(points, easy, with_beta=False) > 0.85


def labels_of(answer: Any, points: np.ndarray) -> list[np.ndarray]:
    names = ("hard", "easy")
    pairs = zip(names, unpacked(names, answer(points)), strict=True)
    return [as_labels(name, labels, len(points)) for name, labels in pairs]


def balanced(*labelings: np.ndarray) -> bool:
    """Whether each labeling has at least a quarter of each label."""
    return all(0.25 < labels.mean() < 0.75 for labels in labelings)


def as_labels(name: str, value: Any, number: int) -> np.ndarray:
    """The labels as truth values. Raises OddAnswer where they are not one 0 or 1 a point."""
    labels = as_array(name, value)
    if labels.shape != (number,) or not np.isin(labels, (0, 1)).all():
        raise OddAnswer(f"{name} is {described(labels)}, expected {number} labels, each 0 or 1.")
    return labels.astype(bool)


TWO_LABELINGS = judged_by(
    facts,
    LABELINGS,
    probes=lambda rng: [{"middle": np.array(place)} for place in MIDDLES],
    name="two_labelings",
    takes=("points",),
    hints="""Without β all pairs of opposites have the same sum of scores. Which labels does this rule out?
    In `hard`, opposite points have the same label; in `easy`, different ones. Opposite to what?
    Subtract the mean first. For `easy` one coordinate is enough; for `hard` take their product.""",
    lesson=("03_scale_and_shift", "A point and its opposite"),
)
