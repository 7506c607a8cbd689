"""Which exercises have been checked in this session, and how they stand."""

from __future__ import annotations

from dataclasses import dataclass

from .verdict import PASSED, SIGNS, Verdict

_latest: dict[str, Verdict] = {}


def note(verdict: Verdict) -> None:
    """Keep the latest verdict of each check."""
    _latest[verdict.check] = verdict


@dataclass(frozen=True)
class Report:
    """The latest verdicts, in the order in which the checks were first called; prints as text."""

    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> int:
        return sum(verdict.state == PASSED for verdict in self.verdicts)

    def __str__(self) -> str:
        if not self.verdicts:
            return "No check has been called in this session yet."
        rows = [
            f"{SIGNS[v.state]} {v.check}: {v.state}" + (f" ({v.mistake})" if v.mistake else "")
            for v in self.verdicts
        ]
        return "\n".join([*rows, f"{self.passed} of {len(self.verdicts)} passed"])

    __repr__ = __str__


def report() -> Report:
    """How the exercises of this notebook stand: the latest verdict of each check called in this session.

    >>> report()  # doctest: +SKIP
    ✓ batch_statistics: passed
    ✗ standardize: not yet (eps_outside)
    1 of 2 passed
    """
    return Report(tuple(_latest.values()))


def require(verdict: Verdict) -> None:
    """Raise AssertionError, with the verdict's words, unless it is passed. For graders."""
    if verdict.state != PASSED:
        raise AssertionError(str(verdict))
