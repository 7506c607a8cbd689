"""The tidy table: rows chosen, summaries and differences within a seed."""

import numpy as np
import pytest
from scipy import stats

from bnteach.training import Table


@pytest.fixture
def runs():
    """Three seeds, two rates, with BN and without; the score grows with the seed, whatever the setting."""
    rows = [(bn, rate, seed) for bn in (False, True) for rate in (1, 10) for seed in (7, 8, 9)]
    noise = np.random.default_rng(0).normal(size=len(rows))
    return Table(
        {"bn": bn, "rate": rate, "seed": seed, "score": 100 * seed + 3 * bn - (rate == 10) * bn + e}
        for (bn, rate, seed), e in zip(rows, noise, strict=True)
    )


def test_where_keeps_the_rows_with_these_values(runs):
    chosen = runs.where(bn=True, rate=10)
    assert len(chosen) == 3
    assert chosen.values("bn") == [True]
    assert chosen.column("seed").tolist() == [7, 8, 9]


def test_a_difference_is_taken_within_each_seed(runs):
    one = runs.where(rate=1)
    effect = one.difference("score", bn=(True, False))
    a, b = one.where(bn=True).column("score"), one.where(bn=False).column("score")
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert effect.interval == pytest.approx((expected.low, expected.high))
    assert (
        effect.half_width < one.summary("score", bn=True).half_width / 10
    )  # the seed's own 100 has canceled


def test_a_difference_needs_one_row_a_seed(runs):
    with pytest.raises(ValueError, match=r"a seed has several rows; .* one of: rate$"):
        runs.difference("score", bn=(True, False))
    with pytest.raises(ValueError, match="one setting and its two values"):
        runs.difference("score", bn=(True, False), rate=(1, 10))
    some = Table(row for row in runs.where(rate=1) if (row["bn"], row["seed"]) != (True, 9))
    with pytest.raises(ValueError, match="the seeds of bn=True and of bn=False differ"):
        some.difference("score", bn=(True, False))


def test_along_a_setting(runs):
    places, summary = runs.along("rate", "score", bn=True)
    assert places == [1, 10]
    assert summary.values.shape == (3, 2)
    assert summary.values[:, 1].tolist() == runs.where(bn=True, rate=10).column("score").tolist()


def test_best_chooses_by_the_mean_for_each_value(runs):
    table = Table({**row, "score": -abs(row["rate"] - (10 if row["bn"] else 1))} for row in runs)
    best = table.best("score", "rate", "bn")
    assert {(row["bn"], row["rate"]) for row in best} == {(False, 1), (True, 10)}
    assert len(best) == 6
    assert table.best("score", "rate").values("rate") == [1]


def test_arrays_are_results_too(runs):
    table = Table({"seed": s, "curve": np.arange(4) * s} for s in (1, 2))
    assert table.summary("curve").values.tolist() == [[0, 1, 2, 3], [0, 2, 4, 6]]
    assert "array (4,)" in str(table)


def test_text_and_html(runs):
    table = Table([{"name": "a<b", "mean": 1.23456}, {"name": "c", "mean": -10}])
    assert str(table).splitlines() == ["name   mean", "a<b   1.235", "c       -10"]
    page = table._repr_html_()
    assert "a&lt;b" in page
    assert page.count("<tr>") == 3


def test_what_is_not_there_is_refused(runs):
    with pytest.raises(ValueError, match="no column 'norm'; the columns are bn, rate, seed, score"):
        runs.where(norm=1)
    with pytest.raises(ValueError, match="no row has rate=3"):
        runs.where(rate=3)
    with pytest.raises(ValueError, match="expected"):
        Table([{"a": 1}, {"b": 1}])
