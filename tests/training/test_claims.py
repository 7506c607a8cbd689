"""Verdicts follow from intervals and margins alone."""

import numpy as np
import pytest

from bnteach.training import SeedSummary
from bnteach.training.claims import Claim, outcome


def effect(low, high):
    """Five values whose 95 % interval is (low, high)."""
    shape = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    unit = SeedSummary(shape).half_width
    return SeedSummary((low + high) / 2 + shape * (high - low) / 2 / unit)


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


def test_clear_is_what_wider_intervals_do_not_change():
    assert claim(a=(2, 3)).clear
    assert not claim(a=(1.1, 3)).clear
    assert not claim(a=(-0.9, 0.9)).clear
    assert claim(a=nothing).clear
    assert claim(a=yes, b=(-0.9, 0.9)).clear  # for it and against it stay; b becomes undecided
    assert not claim(a=yes, b=(-3, -1.1)).clear
    assert not Claim("BN sings", "loudness", 1).clear
    assert claim(a=(2, 3), b=unclear).clear
    assert not claim(a=unclear, b=unclear).clear


def test_the_claim_shows_its_numbers():
    shown = claim(low=(2, 4), wide=unclear)
    assert "BN sings" in str(shown)
    assert "loudness (margin 1; 5 seeds, 95% intervals)" in str(shown)
    assert [round(x, 6) for x in shown.table()["from"]] == [2, -4]
    assert shown.table()["says"].tolist() == [FOR, OPEN]
    assert "<td" in shown._repr_html_()


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="margin is -1"):
        outcome(effect(0, 1), margin=-1)
    with pytest.raises(ValueError, match="expects is 'less'"):
        outcome(effect(0, 1), margin=1, expects="less")
