"""Which exercises have been checked in this session, and how they stand."""

from __future__ import annotations

import html
from dataclasses import dataclass

from .verdict import PASSED, SIGNS, Verdict

_latest: dict[str, Verdict] = {}


def note(verdict: Verdict) -> None:
    """Keep the latest verdict of each check."""
    _latest[verdict.check] = verdict


@dataclass(frozen=True)
class Report:
    """The latest verdicts, in the order in which the checks were first called; text, and HTML.

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

    def _repr_html_(self) -> str:
        rows = [(v.check, f"{SIGNS[v.state]} {v.state}", ", ".join(v.mistakes)) for v in self.verdicts]
        head = cells("th scope=col", ("check", "state", "mistake"))
        body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
        table = f'<table style="color:inherit;text-align:left"><tr>{head}</tr>{body}</table>' if rows else ""
        return f"{table}<p>{self.summary()}</p>"


def cells(tag: str, texts: tuple[str, ...]) -> str:
    """Cells of a table's row."""
    return "".join(f'<{tag} style="text-align:left">{html.escape(text)}</{tag[:2]}>' for text in texts)


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
