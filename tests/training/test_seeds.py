"""Experiments over seeds and settings: every run once, the same results however they are spread."""

import os

import joblib
import numpy as np
import pytest
import torch

from bnteach.data import digits
from bnteach.training import mlp, over_seeds, run_seeds, training_steps


def product(seed, factor, shift=0):
    return {"product": seed * factor + shift}


def last_loss(seed, learning_rate=0.1):
    steps = training_steps(
        mlp([64, 20, 10], seed=seed), digits(), learning_rate=learning_rate, epochs=1, seed=seed
    )
    return [step.loss for step in steps][-1]


def test_a_row_for_each_seed_and_combination_in_order():
    runs = run_seeds(product, [5, 2], factor=[1, 10], shift=[0, 1], progress=False)
    assert runs.columns.tolist() == ["factor", "shift", "seed", "product"]
    expected = [[f, h, s, s * f + h] for f in (1, 10) for h in (0, 1) for s in (5, 2)]
    assert runs.to_numpy().tolist() == expected


def test_anything_but_a_list_is_one_value():
    runs = run_seeds(
        lambda seed, word, pair: len(word) + sum(pair), [0, 1], word="abc", pair=(1, 2), progress=False
    )
    assert runs["result"].tolist() == [6, 6]
    assert runs["pair"].tolist() == [(1, 2)] * 2


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_the_backend_does_not_change_the_results(backend):
    how = {"learning_rate": [0.1, 0.2], "progress": False}
    alone = run_seeds(last_loss, range(3), **how)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        spread = run_seeds(last_loss, range(3), **how)
    assert spread.equals(alone)
    assert alone["result"].is_unique


def test_n_jobs_makes_processes():
    runs = run_seeds(lambda seed: os.getpid(), range(4), n_jobs=2, progress=False)
    assert os.getpid() not in runs["result"].tolist()
    assert os.getpid() in run_seeds(lambda seed: os.getpid(), range(2), progress=False)["result"].tolist()


def test_each_run_has_one_thread_and_the_caller_keeps_his():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        runs = run_seeds(lambda seed: torch.get_num_threads(), range(2), progress=False)
        assert runs["result"].tolist() == [1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_error_in_a_run_arrives():
    with pytest.raises(ZeroDivisionError):
        run_seeds(lambda seed: 1 / seed, range(2), progress=False)


@pytest.mark.filterwarnings("ignore")  # those of Dask are not ours
def test_on_a_dask_cluster_nothing_but_the_backend_changes():
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install distributed")
    how = {"learning_rate": [0.1, 0.2], "progress": False}
    alone = run_seeds(last_loss, range(3), **how)
    cluster = distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None)
    with cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
        spread = run_seeds(last_loss, range(3), **how)
        places = run_seeds(lambda seed: os.getpid(), range(4), progress=False)["result"]
    assert spread.equals(alone)
    assert os.getpid() not in places.tolist()


def test_results_come_in_the_order_of_the_seeds():
    assert over_seeds(lambda seed: seed**2, [5, 2, 9], progress=False).values.tolist() == [25, 4, 81]


def test_curves_are_summarized_point_by_point():
    summary = over_seeds(lambda seed: np.arange(4) * seed, [1, 3], progress=False)
    assert summary.mean.tolist() == [0, 2, 4, 6]
    assert summary.half_width[0] == 0
    assert summary.half_width.shape == (4,)


def test_a_seed_that_diverged_is_not_hidden():
    assert np.isnan(over_seeds(lambda seed: np.nan if seed == 2 else 1.0, progress=False).mean)


def test_errors_name_the_argument():
    for over in (run_seeds, over_seeds):
        with pytest.raises(ValueError, match=r"seeds is \[3\], expected at least two"):
            over(last_loss, [3], progress=False)
    with pytest.raises(ValueError, match="factor has no values"):
        run_seeds(product, range(2), factor=[])
    with pytest.raises(ValueError, match="different shapes"):
        over_seeds(lambda seed: np.zeros(seed), [1, 2], progress=False)


def test_the_bar_counts_the_runs_on_stderr(capsys):
    run_seeds(product, range(3), factor=[1, 2], description="six runs")
    out, err = capsys.readouterr()
    assert out == ""
    assert "six runs" in err
    assert err.endswith("6/6, 00:00 left\n")
