"""Results over seeds: intervals, differences within a seed, curves along a setting, tables."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bnteach.training import SeedSummary, Table, along, paired_difference, summarize


@pytest.fixture
def runs():
    """Three seeds, two rates, with BN and without; the score grows with the seed, whatever the setting."""
    rows = [(bn, rate, seed) for bn in (False, True) for rate in (10, 1) for seed in (7, 8, 9)]
    noise = np.random.default_rng(0).normal(size=len(rows))
    return pd.DataFrame(
        {"bn": bn, "rate": rate, "seed": seed, "score": 100 * seed + 3 * bn - (rate == 10) * bn + e}
        for (bn, rate, seed), e in zip(rows, noise, strict=True)
    )


def test_the_interval_is_students():
    values = np.random.default_rng(0).normal(5, 2, 7)
    summary = SeedSummary(values, confidence=0.9)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert summary.interval == pytest.approx((expected.low, expected.high))
    assert summary.mean == pytest.approx(values.mean())


def test_a_result_over_the_runs_with_these_values(runs):
    chosen = runs["bn"] & (runs["rate"] == 10)
    assert summarize(runs, "score", bn=True, rate=10).values.tolist() == runs["score"][chosen].tolist()


def test_a_difference_is_taken_within_each_seed(runs):
    effect = paired_difference(runs, "score", bn=(True, False), rate=1)
    with_, without = (summarize(runs, "score", rate=1, bn=bn) for bn in (True, False))
    expected = stats.ttest_rel(with_.values, without.values).confidence_interval(0.95)
    assert effect.interval == pytest.approx((expected.low, expected.high))
    assert effect.half_width < with_.half_width / 10  # the seed's own 100 has canceled
    shuffled = runs.sample(frac=1, random_state=0)
    again = paired_difference(shuffled, "score", bn=(True, False), rate=1)
    assert sorted(again.values) == sorted(effect.values)


def test_a_difference_needs_one_run_a_seed_and_the_same_seeds(runs):
    with pytest.raises(ValueError, match=r"a seed has several runs; .* one of: rate$"):
        paired_difference(runs, "score", bn=(True, False))
    for values in ({"bn": True}, {"bn": (True, False), "rate": (1, 10)}):
        with pytest.raises(ValueError, match="expected one with a pair of values"):
            paired_difference(runs, "score", **values)
    some = runs[~(runs["bn"] & (runs["seed"] == 9))]
    with pytest.raises(ValueError, match="the seeds of bn=True and of bn=False differ"):
        paired_difference(some, "score", bn=(True, False), rate=1)


def test_along_a_setting(runs):
    rates, curves = along(runs, "rate", "score", bn=True)
    assert rates == [10, 1]
    assert curves.values.shape == (3, 2)
    for rate, values in zip(rates, curves.values.T, strict=True):
        assert values.tolist() == summarize(runs, "score", bn=True, rate=rate).values.tolist()


def test_arrays_are_results_too():
    runs = pd.DataFrame(
        {"bn": bn, "seed": s, "curve": np.arange(4) * s + bn} for bn in (0, 1) for s in (1, 2)
    )
    summary = summarize(runs, "curve", bn=0)
    assert summary.values.tolist() == [[0, 1, 2, 3], [0, 2, 4, 6]]
    assert str(summary) == "2 seeds, results of shape (4,)"
    assert paired_difference(runs, "curve", bn=(1, 0)).values.tolist() == [[1] * 4] * 2
    assert "array (4,)" in str(Table(runs))


def test_what_is_not_there_is_refused(runs):
    for call in (lambda: summarize(runs, "score", norm=1), lambda: along(runs, "norm", "score")):
        with pytest.raises(ValueError, match="no column 'norm'; the columns are bn, rate, seed, score"):
            call()
    with pytest.raises(ValueError, match="no column 'loss'"):
        summarize(runs, "loss", bn=True, rate=1)
    with pytest.raises(ValueError, match="no run has bn=True, rate=3"):
        summarize(runs, "score", bn=True, rate=3)


def test_a_table_lines_up_words_and_numbers():
    table = Table({"name": n, "mean": m, "count": c} for n, m, c in [("a<b", 1.23456, 1000), ("c", -10, 7)])
    assert str(table).splitlines() == [
        "name    mean  count",
        "a<b     1.23  1,000",
        "c     -10.00      7",
    ]
    page = table._repr_html_()
    assert '<div style="text-align: left">a&lt;b</div>' in page
    assert '<div style="text-align: right">-10.00</div>' in page
    assert page.count("<tr") == 3


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.0005, 0.01], ["0.0005", "0.0100"]),  # no more than they need
        ([2 / 3, 200 / 3], ["0.67", "66.67"]),  # the largest has four digits
        ([0.001, 10], ["0.001", "10.000"]),  # the smallest has one
        ([1e-9, 2 / 3], ["0.0000", "0.6667"]),  # unless it is tiny
        ([1e6 / 3, np.nan], ["333,333", "nan"]),
        ([0.0, 0.5], ["0.0", "0.5"]),
    ],
)
def test_a_column_has_one_number_of_decimals(values, texts):
    shown = str(Table({"value": value} for value in values))
    assert shown.split()[1:] == texts


def test_long_words_are_not_cut():
    words = "long " * 50 + "word"
    table = Table([{"words": words}])
    assert words in str(table)
    assert words in table._repr_html_()
