"""Which exercises have been checked in this session, and how they stand."""

from __future__ import annotations

from dataclasses import dataclass

from .verdict import PASSED, SIGNS, Verdict

_latest: dict[str, Verdict] = {}
_counted: dict[str, Verdict] = {}


def note(verdict: Verdict) -> None:
    """Keep the latest verdict of each check, and the one that counts: what is passed stays passed."""
    _latest[verdict.check] = verdict
    if verdict.check not in _counted or _counted[verdict.check].state != PASSED:
        _counted[verdict.check] = verdict


@dataclass(frozen=True)
class Report:
    """The verdicts that count, in the order of the first calls: what is passed stays passed.

    latest: the latest verdicts. One that is not passed any more is told beside the tick.

    >>> passed = Verdict("standardize", "passed")
    >>> odd = Verdict("inference", "not yet", mistakes=("n_minus_one",))
    >>> Report((passed, odd), latest=(Verdict("standardize", "not yet"), odd))
    ✓ standardize: passed; the latest try: not yet
    ✗ inference: not yet (n_minus_one)
    1 of 2 passed
    """

    verdicts: tuple[Verdict, ...]
    latest: tuple[Verdict, ...]

    @property
    def passed(self) -> int:
        """How many are passed."""
        return sum(verdict.state == PASSED for verdict in self.verdicts)

    def summary(self) -> str:
        """The last line."""
        passed = f"{self.passed} of {len(self.verdicts)} passed"
        return passed if self.verdicts else "No check has been called in this session yet."

    def __str__(self) -> str:
        pairs = zip(self.verdicts, self.latest, strict=True)
        rows = [
            f"{SIGNS[v.state]} {v.check}: {told(v)}"
            + f"; the latest try: {told(last)}" * (v.state != last.state)
            for v, last in pairs
        ]
        return "\n".join([*rows, self.summary()])

    __repr__ = __str__


def told(verdict: Verdict) -> str:
    return verdict.state + f" ({', '.join(verdict.mistakes)})" * bool(verdict.mistakes)


def report() -> Report:
    """How the exercises that were checked in this session stand. What is passed stays passed.

    >>> report().passed >= 0
    True
    """
    return Report(tuple(_counted.values()), tuple(_latest.values()))


def require(verdict: Verdict) -> None:
    """Raise AssertionError, with the verdict's words, unless it is passed. For graders.

    >>> require(Verdict("standardize", "passed"))
    """
    if verdict.state != PASSED:
        raise AssertionError(str(verdict))
