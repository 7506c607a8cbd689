"""Which path is missing: a test of a backward pass that sees too little, or one thing twice, is told what."""

import numpy as np
import pytest

from bnteach import check

NAMES = {(0, 0): "nothing", (1, 0): "mean", (0, 1): "variance", (1, 1): "both"}


def standardized(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def missing_path(size=abs, direction=standardized, upstream=None, channels=3):
    """An answer with one thing changed. The sums of the one channel are negative."""

    def answer(backward):
        x = np.random.default_rng(0).normal(size=(8, channels))
        dy = -x - 1 if upstream is None else upstream(x)
        dx, _, _ = backward(dy, x, np.ones(channels))
        along_1, along_x_hat = (size((dx * u).sum(axis=0)) for u in (1, direction(x)))
        return NAMES[int(along_1.max() > 0.01), int(along_x_hat.max() > 0.01)]

    return answer


@pytest.mark.parametrize("channels", [1, 3])
def test_two_sizes_with_x_hat_pass(channels):
    assert check.missing_path(missing_path(channels=channels)).state == "passed"


@pytest.mark.parametrize(
    ("answer", "mistake"),
    [
        (missing_path(size=np.asarray, channels=1), "path_not_seen"),  # abs forgotten
        (missing_path(upstream=standardized), "path_not_seen"),
        (missing_path(upstream=np.ones_like), "path_not_seen"),
        (missing_path(direction=lambda x: x), "mean_path_seen_twice"),
        (lambda backward: "both", "right_one_accused"),
    ],
)
def test_what_it_does_not_see_or_sees_twice_is_named(answer, mistake):
    assert check.missing_path(answer).mistakes == (mistake,)
