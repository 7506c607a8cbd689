"""Verdicts follow from the seeds, their interval and the margin alone."""

import numpy as np
import pytest

from bnteach.training import SeedSummary
from bnteach.training.claims import Claim, outcome


def effect(low, high, seeds=5):
    """Values that lie between these two, both included."""
    return SeedSummary(np.linspace(low, high, seeds))


FOR, AGAINST, NO, OPEN = "for it", "against it", "no difference", "undecided"


@pytest.mark.parametrize(
    ("low", "high", "more", "none"),
    [
        (1.1, 2, FOR, AGAINST),
        (-5, -1.1, AGAINST, AGAINST),
        (-0.9, 0.9, NO, FOR),
        (0.1, 0.9, NO, FOR),
        (0.9, 2, OPEN, OPEN),
        (-2, -0.9, OPEN, OPEN),
        (-3, 3, OPEN, OPEN),
        (np.nan, np.nan, OPEN, OPEN),
    ],
)
def test_the_rule(low, high, more, none):
    assert outcome(effect(low, high), margin=1) == more
    assert outcome(effect(low, high), margin=1, expects="none") == none


def test_where_20_seeds_are_undecided_their_interval_decides():
    for low, high, seeds, says in [(0.5, 5, 20, FOR), (0.5, 5, 19, OPEN), (-5, -0.5, 20, AGAINST)]:
        assert outcome(effect(low, high, seeds), margin=1) == says
    assert outcome(effect(-1.5, 1.5, 20), margin=1) == NO
    assert outcome(effect(-1.5, 1.5, 20), margin=1, expects="none") == FOR
    assert outcome(effect(-1.5, 4, 20), margin=1) == OPEN  # the interval has the margin in it


def test_effects_without_spread_are_judged_too():
    assert outcome(SeedSummary(np.zeros(5)), margin=0, expects="none") == FOR
    assert outcome(SeedSummary(np.full(5, 2.0)), margin=1) == FOR


def claim(**evidence):
    return Claim("BN sings", "loudness", 1, {n.replace("_", " "): effect(*e) for n, e in evidence.items()})


yes, no, nothing, unclear = (2, 3), (-3, -2), (-0.5, 0.5), (-4, 4)


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        ({"a": yes, "b": yes}, "holds"),
        ({"a": yes, "b c": nothing}, "holds under: a"),
        ({"a": yes, "b c": nothing, "d": unclear}, "holds under: a (undecided: d)"),
        ({"a": yes, "b c": no, "d": no}, "holds under: a; the opposite under: b c · d"),
        ({"a": yes, "b": no, "c": unclear}, "holds under: a; the opposite under: b (undecided: c)"),
        ({"a": no, "b": no}, "false"),
        ({"a": no, "b": nothing}, "false under: a"),
        ({"a": no, "b": unclear, "c": unclear}, "false under: a (undecided: b · c)"),
        ({"a": nothing}, "not seen here"),
        ({"a": nothing, "b": unclear}, "not seen here (undecided: b)"),
        ({}, "not seen here"),
    ],
)
def test_the_verdict_joins_the_conditions(evidence, verdict):
    assert claim(**evidence).verdict == verdict


def test_the_claim_shows_its_numbers():
    shown = claim(low=(2, 4), wide=unclear)
    assert "BN sings" in str(shown)
    assert "loudness (margin 1; 5 seeds, 95% intervals)" in str(shown)
    assert shown.table()["effect"].tolist() == [3, 0]
    assert shown.table()["from"].tolist() == [effect(2, 4).interval[0], effect(*unclear).interval[0]]
    assert shown.table()["says"].tolist() == [FOR, OPEN]
    assert "<td" in shown._repr_html_()


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="margin is -1"):
        outcome(effect(0, 1), margin=-1)
    with pytest.raises(ValueError, match="expects is 'less'"):
        outcome(effect(0, 1), margin=1, expects="less")
