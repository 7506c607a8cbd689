"""A short time limit, and a check that any test may use."""

import pytest

from bnteach.check import checking, running, standing


@pytest.fixture
def short(monkeypatch):
    """The time limit of a check is 0.3 seconds."""
    monkeypatch.setattr(running, "SECONDS", 0.3)


@pytest.fixture(autouse=True)
def nothing_checked(monkeypatch):
    """Each test begins, and leaves, as if no check had been called."""
    monkeypatch.setattr(standing, "_latest", {})
    monkeypatch.setattr(standing, "_counted", {})


def two_values_of(dy, x):
    total = dy.sum(axis=0)
    product = dy * x
    return total, product


@pytest.fixture
def two_values():
    """A small check: the row sums of dy, and dy times x."""
    return checking.Check(
        two_values_of,
        lambda rng: [
            {"dy": rng.normal(1, 1, size), "x": rng.normal(3, 2, size)} for size in ((3, 2), (5, 4), (4, 4))
        ],
        name="two_values",
        hints="one\ntwo\nthree",
        lesson=("00_meet_batch_normalization", "Names"),
    )
