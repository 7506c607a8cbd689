"""Seeds and intervals, against SciPy's."""

import random

import numpy as np
import pytest
import torch
from scipy import stats

from bnteach.data import digits
from bnteach.training import SeedSummary, mlp, over_seeds, set_seed, training_steps


def test_the_interval_is_students():
    values = np.random.default_rng(0).normal(5, 2, 7)
    summary = SeedSummary(values, confidence=0.9)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert summary.interval == pytest.approx((expected.low, expected.high))
    assert summary.mean == pytest.approx(values.mean())


def test_results_come_in_the_order_of_the_seeds_whatever_their_number():
    assert over_seeds(lambda seed: seed**2, [5, 2, 9], progress=False).values.tolist() == [25, 4, 81]


def test_curves_are_summarized_point_by_point():
    summary = over_seeds(lambda seed: np.arange(4) * seed, [1, 3], progress=False)
    assert summary.mean.tolist() == [0, 2, 4, 6]
    assert summary.half_width[0] == 0
    assert summary.half_width.shape == (4,)
    assert str(summary) == "2 seeds, results of shape (4,)"


def test_a_seed_that_diverged_is_not_hidden():
    assert np.isnan(over_seeds(lambda seed: np.nan if seed == 2 else 1.0, progress=False).mean)


def one_loss(seed):
    torch.set_num_threads(1)
    steps = training_steps(mlp([64, 20, 10], seed=seed), digits(), epochs=1, seed=seed)
    return [step.loss for step in steps][-1]


def test_two_processes_give_what_one_gives():
    one = over_seeds(one_loss, range(3), n_jobs=1, progress=False)
    two = over_seeds(one_loss, range(3), n_jobs=2, progress=False)
    assert np.array_equal(one.values, two.values)
    assert len(set(one.values)) == 3


def test_set_seed_repeats_all_three_generators():
    def draw():
        set_seed(11)
        return random.random(), np.random.rand(), torch.rand(()).item()  # noqa: NPY002

    assert draw() == draw()


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"seeds is \[3\], expected at least two"):
        over_seeds(one_loss, [3], progress=False)
    with pytest.raises(ValueError, match="different shapes"):
        over_seeds(lambda seed: np.zeros(seed), [1, 2], progress=False)


def test_progress_goes_to_stderr(capsys):
    over_seeds(lambda seed: seed, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "5/5" in err
