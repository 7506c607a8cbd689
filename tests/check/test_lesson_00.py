"""Checks of lesson 00: any five seeds will do, and what is tried must be enough."""

import numpy as np
import pytest

from bnteach import check


def chosen(train, scales, seeds=range(5), depths=(8, 16)):
    lowest = {scale: min(train(n, scale, seed) for n in depths for seed in seeds) for scale in scales}
    return max(lowest, key=lowest.get)


@pytest.mark.parametrize("seeds", [range(1, 6), [42, 7, 0, 99, 3], range(10)])
def test_any_five_different_seeds_pass(seeds):
    assert check.best_scale(lambda train, scales: chosen(train, scales, seeds)).state == "passed"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda train, scales: chosen(train, scales, [0] * 5), "number of seeds: it is 1, expected 5"),
        (lambda train, scales: chosen(train, scales, range(3)), "number of seeds"),
        (lambda train, scales: chosen(train, scales, depths=(8, 12, 16)), "Your function tries (12, 6)"),
        (lambda train, scales: 10, "number of seeds"),
    ],
)
def test_a_trial_that_is_not_enough(answer, words):
    verdict = check.best_scale(answer)
    assert verdict.state == "not yet"
    assert words in verdict.why


def test_a_row_that_only_looks_right():
    """With one row in the batch, a copy of it is right; with more it is not."""
    assert check.row_to_add(lambda x: np.array(x[0])).mistake == "first_row_repeated"
