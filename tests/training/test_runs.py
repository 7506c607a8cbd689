"""Experiments over seeds and settings: every run once, the same results however they are spread."""

import os

import joblib
import pytest
import torch

from bnteach.training import run_seeds
from bnteach.trials.claims.experiments import learn


def product(seed, factor, shift=0):
    return {"product": seed * factor + shift}


def test_a_row_for_each_seed_and_combination_in_order():
    table = run_seeds(product, [5, 2], factor=[1, 10], shift=[0, 1], progress=False)
    assert table.columns == ("factor", "shift", "seed", "product")
    expected = [(f, h, s, s * f + h) for f in (1, 10) for h in (0, 1) for s in (5, 2)]
    assert [tuple(row.values()) for row in table] == expected


def test_anything_but_a_list_is_one_value():
    def experiment(seed, word, pair):
        return len(word) + sum(pair)

    table = run_seeds(experiment, [0, 1], word="abc", pair=(1, 2), progress=False)
    assert table.column("result").tolist() == [6, 6]
    assert table.values("word") == ["abc"]


@pytest.mark.parametrize("backend", ["loky", "threading", "sequential"])
def test_the_backend_does_not_change_the_results(backend):
    how = {"steps": 8, "batch_norm": [False, True], "dropout": 0.2, "progress": False}
    alone = run_seeds(learn, range(3), **how)
    with joblib.parallel_config(backend=backend, n_jobs=1 if backend == "sequential" else 2):
        spread = run_seeds(learn, range(3), **how)
    assert [tuple(row.values()) for row in spread] == [tuple(row.values()) for row in alone]
    assert len(set(zip(alone.column("train_accuracy"), alone.column("accuracy"), strict=True))) == 6


def test_n_jobs_makes_processes():
    table = run_seeds(lambda seed: os.getpid(), range(4), n_jobs=2, progress=False)
    assert os.getpid() not in table.column("result")
    assert os.getpid() in run_seeds(lambda seed: os.getpid(), range(2), progress=False).column("result")


def test_each_run_has_one_thread_and_the_caller_keeps_his():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        table = run_seeds(lambda seed: torch.get_num_threads(), range(2), progress=False)
        assert table.column("result").tolist() == [1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"seeds is \[3\], expected at least two"):
        run_seeds(product, [3], factor=[1])
    with pytest.raises(ValueError, match="factor has no values"):
        run_seeds(product, range(2), factor=[])


def test_an_error_in_a_run_arrives():
    with pytest.raises(ZeroDivisionError):
        run_seeds(lambda seed: 1 / seed, range(2), progress=False)


def test_the_bar_counts_the_runs(capsys):
    run_seeds(product, range(3), factor=[1, 2], description="six runs")
    out, err = capsys.readouterr()
    assert out == ""
    assert "six runs" in err
    assert err.endswith("6/6, 00:00 left\n")


@pytest.mark.filterwarnings("ignore")  # those of Dask are not ours
def test_on_a_dask_cluster_nothing_but_the_backend_changes():
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install distributed")
    how = {"steps": 8, "batch_norm": [False, True], "progress": False}
    alone = run_seeds(learn, range(3), **how)
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
        spread = run_seeds(learn, range(3), **how)
        places = run_seeds(lambda seed: os.getpid(), range(4), progress=False).column("result")
    assert [tuple(row.values()) for row in spread] == [tuple(row.values()) for row in alone]
    assert os.getpid() not in places
