"""Right answers pass, in whatever style: no false alarm in thousands of runs."""

import pytest

import styles
from bnteach import check
from styles import STYLES, false_alarms

SEEDS = range(8)
# Little is computed in these, or it is slow.
FEWER_WAYS = {
    "one_pass_statistics",
    "largest_x_hat_batch",
    "gradient_after_rescaling",
    "gradient_check",
    "interval_outcome",
    "spot_the_bug",
}


def test_no_right_answer_is_called_wrong():
    alarms, runs = false_alarms(SEEDS)
    assert runs >= 3000
    assert alarms == []


def test_every_check_has_styles():
    assert set(STYLES) == set(check.CHECKS)


@pytest.mark.parametrize("name", STYLES)
def test_there_are_many_styles(name):
    assert len(STYLES[name]) >= (8 if name in FEWER_WAYS else 15)


def test_a_false_alarm_would_be_seen(monkeypatch):
    monkeypatch.setattr(styles, "STYLES", {"standardize": {"wrong": lambda x, eps: x - x.mean(0)}})
    alarms, _ = false_alarms([0])
    assert [alarm[:3] for alarm in alarms] == [("standardize", "wrong", 0)]
