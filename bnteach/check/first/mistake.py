"""What an entry of the catalogue of mistakes is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .recipe import Recipe, Step


@dataclass(frozen=True)
class Mistake:
    """A known wrong implementation: the right recipe with one idea got wrong.

    key: its short name, as `Verdict.mistake` gives it.
    title: what the code does, in a few words: "divides by n − 1".
    confuses: what is confused with what, and what follows. One to three short sentences.
    mend: nearly the answer: what to write instead.
    lesson: the lesson and the section that explain it, as ("02_normalize", "Subtract, divide"); None when its
        own words say all.
    checks: the names of the checks in which it can happen.
    steps: the steps of the recipe that it replaces, each with the wrong function.
    returns: how it changes the order of what is returned; None leaves the order as it is.
    """

    key: str
    title: str
    confuses: str
    mend: str
    lesson: tuple[str, str] | None
    checks: tuple[str, ...]
    steps: Mapping[str, Step] = field(default_factory=dict)
    returns: Callable[[tuple[str, ...]], tuple[str, ...]] | None = None

    def spoil(self, recipe: Recipe) -> Recipe:
        """The recipe with this mistake in it."""
        return recipe.replace(self.steps, self.returns(recipe.returns) if self.returns else None)

    def touches(self) -> frozenset[str]:
        """What it changes; two mistakes can happen together when they change different things."""
        return frozenset(self.steps) | ({"the order of returns"} if self.returns else frozenset())
