"""Right answers pass, in whatever style: no false alarm in a thousand runs."""

import pytest

from bnteach import check
from styles import STYLES, false_alarms

SEEDS = range(8)


def test_no_right_answer_is_called_wrong():
    alarms, runs = false_alarms(SEEDS)
    assert runs >= 1000
    assert alarms == []


@pytest.mark.parametrize("name", STYLES)
def test_there_are_fifteen_styles(name):
    assert len(STYLES[name]) >= 15


def test_a_false_alarm_would_be_seen(monkeypatch):
    monkeypatch.setitem(STYLES, "standardize", {"wrong": lambda x, eps: x - x.mean(0)})
    alarms, _ = false_alarms([0])
    assert [alarm[:3] for alarm in alarms] == [("standardize", "wrong", 0)]


def test_all_the_styles_are_for_checks():
    assert set(STYLES) <= set(check.CHECKS)
