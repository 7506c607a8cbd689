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
    """The latest verdicts, in the order in which the checks were first called.

    >>> passed = Verdict("standardize", "passed")
    >>> Report((passed, Verdict("inference", "not yet", mistakes=("eps_outside",))))
    ✓ standardize: passed
    ✗ inference: not yet (eps_outside)
    1 of 2 passed
    """

    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> int:
        """How many are passed."""
        return sum(verdict.state == PASSED for verdict in self.verdicts)

    def summary(self) -> str:
        """The last line."""
        passed = f"{self.passed} of {len(self.verdicts)} passed"
        return passed if self.verdicts else "No check has been called in this session yet."

    def __str__(self) -> str:
        rows = [
            f"{SIGNS[v.state]} {v.check}: {v.state}" + f" ({', '.join(v.mistakes)})" * bool(v.mistakes)
            for v in self.verdicts
        ]
        return "\n".join([*rows, self.summary()])

    __repr__ = __str__


def report() -> Report:
    """How the exercises of this notebook stand: the latest verdict of each check called in this session.

    >>> report().passed >= 0
    True
    """
    return Report(tuple(_latest.values()))


def require(verdict: Verdict) -> None:
    """Raise AssertionError, with the verdict's words, unless it is passed. For graders.

    >>> require(Verdict("standardize", "passed"))
    """
    if verdict.state != PASSED:
        raise AssertionError(str(verdict))
