"""Lesson 03's experiment: labels of points that a sigmoid network with BN, but without β, cannot learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..answers import OddAnswer, as_array, described, unpacked
from ..checking import Check
from ..running import Observed


def two_labelings(points):
    centered = points - points.mean(axis=0)
    hard = centered[:, 0] * centered[:, 1] > 0
    easy = centered[:, 0] > 0
    return hard, easy


LABELINGS = """
    not_centered: the labels go by where the points lie around 0, not around their mean
        centered = points
        | BN subtracts the mean. Opposite means: on the other side of the mean.
"""


def clouds(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Where the middle of the points is: never at 0."""
    return [{"middle": np.array(middle)} for middle in ([3.0, -1.0], [-2.0, 5.0], [4.0, 4.0])]


def learned(points: np.ndarray, labels: np.ndarray, with_beta: bool) -> float:
    """How many of some new points a wide sigmoid layer with BN gets right, whose output layer alone is
    fitted. Without β every unit is odd: the opposite point gives the opposite of what it is at its middle."""
    random = np.random.default_rng(0)
    weights, shifts = random.normal(0, 2, (2, 100)), random.normal(0, 2, 100) * with_beta
    units = np.tanh((points - points.mean(axis=0)) / points.std(axis=0) @ weights + shifts)
    rows, target = np.column_stack([units, np.ones(len(units))]), 2.0 * labels - 1
    a, b = rows[::2], target[::2]
    fitted = np.linalg.solve(a.T @ a + 0.01 * np.eye(a.shape[1]), a.T @ b)
    return float(np.mean((rows[1::2] @ fitted > 0) == (target[1::2] > 0)))


def try_labels(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Which labels can be learned with β and without, as 0 or 1."""
    points = inputs["middle"] + np.random.default_rng(0).uniform(-1, 1, (600, 2))
    names = ("hard", "easy")
    pairs = zip(names, unpacked(names, answer(points)), strict=True)
    hard, easy = (as_labels(name, labels, len(points)) for name, labels in pairs)
    distance = np.linalg.norm(points - points.mean(axis=0), axis=1)
    far = distance > np.median(distance)
    yield "hard_has_both_labels", int(0.25 < hard.mean() < 0.75)
    yield "hard_is_no_ring", int(0.2 < np.mean(far == hard) < 0.8)
    yield "hard_is_learned_with_beta", int(learned(points, hard, with_beta=True) > 0.85)
    yield "hard_is_learned_without_beta", int(learned(points, hard, with_beta=False) > 0.75)
    yield "easy_has_both_labels", int(0.25 < easy.mean() < 0.75)
    yield "easy_is_learned_without_beta", int(learned(points, easy, with_beta=False) > 0.85)


def as_labels(name: str, value: Any, number: int) -> np.ndarray:
    """The labels as truth values. Raises OddAnswer where they are not one 0 or 1 a point."""
    labels = as_array(name, value)
    if labels.shape != (number,) or not np.isin(labels, (0, 1)).all():
        raise OddAnswer(f"{name} is {described(labels)}, expected {number} labels, each 0 or 1.")
    return labels.astype(bool)


# Name of a fact -> what it should be, and what to say if it is not.
FACTS = {
    "hard_has_both_labels": (1, "hard: fewer than a quarter of the points have one of the two labels."),
    "hard_is_no_ring": (1, "hard: the distance from the mean gives the label away, as in the rings."),
    "hard_is_learned_with_beta": (1, "hard: a network with β does not learn these labels."),
    "hard_is_learned_without_beta": (0, "hard: a network without β learns these labels."),
    "easy_has_both_labels": (1, "easy: fewer than a quarter of the points have one of the two labels."),
    "easy_is_learned_without_beta": (1, "easy: a network without β does not learn these labels."),
}


def labels_in_words(seen: list[Observed]) -> tuple[str, str]:
    """Which facts are not as they should be."""
    said = [
        words
        for name, (wanted, words) in FACTS.items()
        if any(run.values.get(name, wanted) != wanted for run in seen)
    ]
    return " ".join(said), ""


TWO_LABELINGS = Check(
    two_labelings,
    clouds,
    trial=try_labels,
    tell=labels_in_words,
    hints=(
        "Without β the score is c + f(p), with f(−p) = −f(p). Which labels can such a score not give?",
        "In `hard`, opposite points have the same label; in `easy`, different ones. Opposite to what?",
        "Subtract the mean first. For `easy` one coordinate is enough; for `hard` take their product.",
    ),
    lesson=("03_scale_and_shift", "Are γ and β needed?"),
    mistakes=(LABELINGS,),
    has_slips=False,
)
