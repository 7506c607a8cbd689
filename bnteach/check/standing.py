"""Which exercises have been checked in this session, and how they stand."""

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
    ✗ inference: not yet
    1 of 2 passed
    """

    verdicts: tuple[Verdict, ...]
    latest: tuple[Verdict, ...]

    @property
    def passed(self) -> int:
        """How many are passed."""
        return sum(verdict.state == PASSED for verdict in self.verdicts)

    def __str__(self) -> str:
        if not self.verdicts:
            return "No check has been called in this session yet."
        rows = [row(*pair) for pair in zip(self.verdicts, self.latest, strict=True)]
        return "\n".join([*rows, f"{self.passed} of {len(self.verdicts)} passed"])

    __repr__ = __str__


def row(counted: Verdict, latest: Verdict) -> str:
    again = f"; the latest try: {latest.state}" * (counted.state != latest.state)
    return f"{SIGNS[counted.state]} {counted.check}: {counted.state}{again}"


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
