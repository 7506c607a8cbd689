"""Checks of lesson 03: labels of any pattern pass if they are hard, and easy, as asked for."""

import numpy as np
import pytest
from scipy.stats import norm

from bnteach import check


def centered(points):
    return points - points.mean(axis=0)


def quadrants(points):
    return np.sign(centered(points)).prod(axis=1) > 0


def stripes(points):
    return (abs(centered(points)[:, 0]) < 0.5).astype(int)


def line(points):
    return (centered(points) @ [1.0, 0.4] > 0).astype(float)


def ring(points):
    return np.linalg.norm(centered(points), axis=1) < 0.8


@pytest.mark.parametrize("hard", [quadrants, stripes])
def test_any_pattern_of_the_kind_passes(hard):
    assert check.two_labelings(lambda points: (hard(points), line(points))).state == "passed"


@pytest.mark.parametrize(
    ("hard", "easy", "mistake"),
    [
        (line, line, "hard_too_easy"),
        (lambda points: points.prod(axis=1) > 0, line, "mean_forgotten"),
        (quadrants, quadrants, "easy_too_hard"),
        (ring, line, "hard_is_a_ring"),
        (lambda points: np.arange(600) % 2, line, "hard_too_hard"),
        (quadrants, lambda points: np.zeros(600), "one_sided"),
    ],
)
def test_labels_of_another_kind_are_named(hard, easy, mistake):
    assert check.two_labelings(lambda points: (hard(points), easy(points))).mistakes == (mistake,)


def test_labels_are_0_or_1():
    verdict = check.two_labelings(lambda points: (quadrants(points), centered(points)[:, 0]))
    assert "expected 600 labels, each 0 or 1" in verdict.why


def test_gamma_may_be_negative():
    answer = check.parameters_for_share(lambda share, std: (-std, std * norm.ppf(share)))
    assert answer.state == "passed"


def test_gamma_of_the_caller_stays():
    def answer(gamma, beta, keep):
        gamma *= keep
        return gamma, beta

    assert check.switched_off(answer).mistake == "input_modified"
