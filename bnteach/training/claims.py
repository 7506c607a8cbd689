"""From the results of all seeds to a verdict on a claim, by one rule."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from bnteach.training.results import SeedSummary
from bnteach.training.table import Table

__all__ = ["Claim", "outcome"]

SUPPORTS, AGAINST, NOTHING, OPEN = "for it", "against it", "no difference", "undecided"
NONE_EXPECTED = {SUPPORTS: AGAINST, AGAINST: AGAINST, NOTHING: SUPPORTS, OPEN: OPEN}
ENOUGH_SEEDS = 20  # for an interval of their mean to stand for them


def outcome(effect: SeedSummary, margin: float, expects: str = "more") -> str:
    """What one measured effect says about a claim: the rule of the course.

    The margin is the smallest effect that anyone would care about. Look where the seeds lie, each of them:

        all of them                           expects "more"     expects "none"
        above the margin                      for it             against it
        below −margin                         against it         against it
        between −margin and margin            no difference      for it
        otherwise, or not a number            undecided          undecided

    Where 20 seeds or more are undecided, the 95 % interval of their mean is judged in their place.

    What surprises: the interval covers other seeds. It says nothing about other test pictures.

    Args:
        effect: for example accuracy with − without, one number for each seed.
        margin: not negative.
        expects: "more" if the claim says that the effect is above 0, "none" if it says that there is none.

    Raises:
        ValueError: margin is negative, or expects is neither "more" nor "none".

    Example:
        >>> import numpy as np
        >>> outcome(SeedSummary(np.array([4.0, 5, 6])), margin=1)
        'for it'
        >>> outcome(SeedSummary(np.array([-1.0, 2, 3])), margin=1)
        'undecided'
    """
    if margin < 0 or expects not in ("more", "none"):
        raise ValueError(f'margin is {margin}, expects is {expects!r}; expected 0 or more, "more" or "none"')
    place = _place(effect.values.min(), effect.values.max(), margin)
    if place == OPEN and len(effect.values) >= ENOUGH_SEEDS:
        place = _place(*effect.interval, margin)
    return place if expects == "more" else NONE_EXPECTED[place]


def _place(low: float, high: float, margin: float) -> str:
    """Where a range lies, for a claim that expects more."""
    if low > margin:
        return SUPPORTS
    if high < -margin:
        return AGAINST
    return NOTHING if low >= -margin and high <= margin else OPEN


@dataclass
class Claim:
    """A claim, the effect that would show it, and what was measured under several conditions.

    In a notebook it is shown as a table: a row for each condition.

    Attributes:
        words: the claim.
        effect: what is measured, with its unit; above 0 if the claim is right (see `expects`).
        margin: the smallest effect that counts.
        evidence: the effect over the seeds, under each condition.
        expects: "more", or "none" for a claim that something makes no difference.

    Example:
        >>> import numpy as np
        >>> claim = Claim("BN learns more", "accuracy with − without, points", margin=1)
        >>> claim.evidence["few digits"] = SeedSummary(np.array([4.0, 5, 6]))
        >>> claim.evidence["all digits"] = SeedSummary(np.array([0.1, 0.2, 0]))
        >>> claim.verdict
        'holds under: few digits'
    """

    words: str
    effect: str
    margin: float
    evidence: dict[str, SeedSummary] = field(default_factory=dict)
    expects: str = "more"

    @property
    def outcomes(self) -> dict[str, str]:
        """For each condition "for it", "against it", "no difference" or "undecided"."""
        return {name: outcome(effect, self.margin, self.expects) for name, effect in self.evidence.items()}

    @property
    def verdict(self) -> str:
        """The verdict on all conditions together, never worded stronger than they are.

        "holds" or "false" if all are for it or all against it. "holds under: …" if only some are for it, and
        then "the opposite under: …" names those against it. "false under: …" if some are against it and none
        is for it. Otherwise "not seen here". Undecided conditions follow in brackets. A condition that is not
        named showed no difference.
        """
        return _verdict(self.outcomes)

    def table(self) -> pd.DataFrame:
        """A row for each condition: the mean effect, its interval over the seeds, and what it says."""
        return pd.DataFrame(
            {
                "condition": name,
                "effect": float(effect.mean),
                "from": float(effect.interval[0]),
                "to": float(effect.interval[1]),
                "says": self.outcomes[name],
            }
            for name, effect in self.evidence.items()
        )

    def _shown(self) -> Table:
        return Table(self.table(), alike=("effect", "from", "to"))

    def __str__(self) -> str:
        return f"{self.words}\n{self._basis()}\n{self._shown()}"

    __repr__ = __str__

    def _basis(self) -> str:
        seeds = sorted({len(effect.values) for effect in self.evidence.values()})
        return f"{self.effect} (margin {self.margin:g}; {' or '.join(map(str, seeds))} seeds, 95% intervals)"

    def _repr_html_(self) -> str:
        head = f"<b>{html.escape(self.words)}</b><br>{html.escape(self._basis())}"
        return head + self._shown()._repr_html_()


def _verdict(outcomes: Mapping[str, str]) -> str:
    def those(word: str) -> list[str]:
        return [name for name, is_ in outcomes.items() if is_ == word]

    words = _first_words(those(SUPPORTS), those(AGAINST), len(outcomes))
    return f"{words} (undecided: {' · '.join(those(OPEN))})" if those(OPEN) else words


def _first_words(supports: Sequence[str], against: Sequence[str], conditions: int) -> str:
    if not supports and not against:
        return "not seen here"
    if conditions in (len(supports), len(against)):
        return "holds" if supports else "false"
    if not supports:
        return f"false under: {' · '.join(against)}"
    opposite = f"; the opposite under: {' · '.join(against)}" if against else ""
    return f"holds under: {' · '.join(supports)}{opposite}"
