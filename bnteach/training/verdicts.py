"""From intervals to a verdict on a claim, by rules that are written down before the results are in."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bnteach.training.summary import SeedSummary
from bnteach.training.table import Table

__all__ = ["Claim", "outcome"]

SUPPORTS, AGAINST, NOTHING, OPEN = "for it", "against it", "no difference", "undecided"


def outcome(effect: SeedSummary, margin: float, expects: str = "more") -> str:
    """What one measured effect says about a claim.

    The effect has an interval. The margin is the smallest effect that anyone would care about.

        interval                                    expects "more"     expects "none"
        all of it above the margin                  for it             against it
        all of it below −margin                     against it         against it
        all of it between −margin and margin        no difference      for it
        otherwise, or not a number                  undecided          undecided

    Args:
        effect: for example accuracy with − without, one number for each seed.
        margin: not negative.
        expects: "more" if the claim says that the effect is above 0, "none" if it says that there is none.

    Raises:
        ValueError: margin is negative, or expects is neither "more" nor "none".

    Example:
        >>> outcome(SeedSummary(np.array([4.0, 5, 6])), margin=1)
        'for it'
        >>> outcome(SeedSummary(np.array([-1.0, 2, 3])), margin=1)
        'undecided'
    """
    if margin < 0 or expects not in ("more", "none"):
        raise ValueError(f'margin is {margin}, expects is {expects!r}; expected 0 or more, "more" or "none"')
    low, high = effect.interval
    if low > margin:
        return SUPPORTS if expects == "more" else AGAINST
    if high < -margin:
        return AGAINST
    if low >= -margin and high <= margin:
        return NOTHING if expects == "more" else SUPPORTS
    return OPEN


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
        """The verdict on all conditions together.

        "holds" if all are for it; "holds under: …" if some are, and then also "the opposite under: …" where
        some are against it; "false" if some are against it and none for it; otherwise "not seen here", with
        the conditions that more seeds might decide.
        """
        return _verdict(self.outcomes)

    @property
    def clear(self) -> bool:
        """True if the verdict decides something, and stays the same with intervals half as wide again."""
        wider = {name: _Wider(effect.values, effect.confidence) for name, effect in self.evidence.items()}
        same = _verdict({n: outcome(e, self.margin, self.expects) for n, e in wider.items()}) == self.verdict
        return same and bool(set(self.outcomes.values()) - {OPEN})

    def table(self) -> Table:
        """A row for each condition: the mean effect, its interval, and what it says."""
        return Table(
            {
                "condition": name,
                "effect": float(effect.mean),
                "from": float(effect.interval[0]),
                "to": float(effect.interval[1]),
                "says": self.outcomes[name],
            }
            for name, effect in self.evidence.items()
        )

    def __str__(self) -> str:
        return f"{self.words}\n{self._basis()}\n{self.table()}"

    __repr__ = __str__

    def _basis(self) -> str:
        seeds = sorted({len(effect.values) for effect in self.evidence.values()})
        return f"{self.effect} (margin {self.margin:g}; {' or '.join(map(str, seeds))} seeds, 95% intervals)"

    def _repr_html_(self) -> str:
        head = f"<b>{html.escape(self.words)}</b><br>{html.escape(self._basis())}"
        return head + self.table()._repr_html_()


class _Wider(SeedSummary):
    @property
    def half_width(self) -> np.ndarray:
        return 1.5 * super().half_width


def _verdict(outcomes: Mapping[str, str]) -> str:
    those = {word: [name for name, is_ in outcomes.items() if is_ == word] for word in (SUPPORTS, AGAINST)}
    if outcomes and len(those[SUPPORTS]) == len(outcomes):
        return "holds"
    if those[SUPPORTS]:
        opposite = f"; the opposite under: {' · '.join(those[AGAINST])}" if those[AGAINST] else ""
        return f"holds under: {' · '.join(those[SUPPORTS])}{opposite}"
    if those[AGAINST]:
        return "false"
    undecided = [name for name, is_ in outcomes.items() if is_ == OPEN]
    return f"not seen here (undecided: {' · '.join(undecided)})" if undecided else "not seen here"
