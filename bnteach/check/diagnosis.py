"""Finds the mistake behind a wrong answer: a match in the catalogue, or else what can be said for sure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from . import facts
from .comparing import off_by, same
from .example import example
from .mistake import Mistake
from .recipe import Recipe
from .running import Observed, Probe, Values

if TYPE_CHECKING:
    from .checking import Check

# A match must be this much nearer to the learner's values than the right ones are.
NEARER = 50


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong: in words, as keys of the catalogue (if it is known), in details; and how to mend it."""

    why: str
    keys: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    mend: str = ""

    @classmethod
    def of(cls, mistakes: list[Mistake], more: str = "", details: tuple[str, ...] = ()) -> Diagnosis:
        """The diagnosis that names one mistake of the catalogue, or two that occur together."""
        found = [f"{mistake.title}. {mistake.confuses}" for mistake in mistakes]
        if len(found) == 1:
            what = [f"It looks like this: {found[0]}"]
        else:
            what = ["It looks like two things at once:", *(f"- {one}" for one in found)]
        places = [f"Lesson {one.lesson[0][:2]} explains it. Section: {one.lesson[1]}" for one in mistakes]
        return cls(
            "\n".join(part for part in (more, *what) if part),
            tuple(mistake.key for mistake in mistakes),
            (*details, *dict.fromkeys(places)),
            " ".join(mistake.mend for mistake in mistakes),
        )


@dataclass(frozen=True)
class Evidence:
    """What a diagnosis stands on: for each probe what is right and what was observed."""

    check: Check
    probes: list[Probe]
    expected: list[Values]
    seen: list[Observed]

    def of(self, recipe: Recipe) -> Iterator[tuple[Values, Observed, Observed]]:
        """For each probe the right values, what a recipe gives, and what was observed."""
        for probe, right, one in zip(self.probes, self.expected, self.seen, strict=True):
            yield right, self.check.observed_of(recipe, probe), one


def diagnose(check: Check, probes: list[Probe], expected: list[Values], seen: list[Observed]) -> Diagnosis:
    """Match the observed values with each mistake of the catalogue, then with each pair; else tell facts.

    A mistake is named only when it gives the learner's values to rounding on every probe, and no other does.
    """
    evidence, mistakes = Evidence(check, probes, expected, seen), check.mistakes()
    seen_so_far, numbers = facts.what_happens(expected, seen), example(probes, expected, seen)
    for group in ([[one] for one in mistakes], pairs(mistakes)):
        matching = [many for many in group if matches(evidence, many)]
        if len(matching) == 1:
            return Diagnosis.of(matching[0], seen_so_far, numbers)
        if matching:
            choice = ["- " + "; and ".join(one.title for one in many) + "." for many in matching]
            return Diagnosis("\n".join([seen_so_far, "It may be one of these:", *choice]), details=numbers)
    part = partly(evidence, mistakes, numbers)
    return part or Diagnosis(facts.why(check, probes, expected, seen), details=numbers)


def pairs(mistakes: list[Mistake]) -> Iterator[list[Mistake]]:
    """Every two mistakes that change different steps, so that they can happen together."""
    for one, other in combinations(mistakes, 2):
        if not one.touches() & other.touches():
            yield [one, other]


def spoiled(recipe: Recipe, mistakes: list[Mistake]) -> Recipe:
    """The recipe with all these mistakes in it."""
    for mistake in mistakes:
        recipe = mistake.spoil(recipe)
    return recipe


def matches(evidence: Evidence, mistakes: list[Mistake]) -> bool:
    """True when these mistakes give what was observed on every probe, and give a wrong value on one at least.

    Without that wrong value there would be no evidence: two codes that both raise an error may have nothing
    else in common.
    """
    far, near = 0.0, 0.0
    for right, wrong, one in evidence.of(spoiled(evidence.check.recipe, mistakes)):
        if (wrong.failure, wrong.error) != (
            one.failure,
            one.error,
        ) or wrong.values.keys() != one.values.keys():
            return False
        for name, value in one.values.items():
            if not same(value, wrong.values[name]):
                return False
            near = max(near, off_by(value, wrong.values[name]))
            far = max(far, off_by(value, right[name]) if name in right else 0.0)
    return is_named(near, far)


def is_named(near: float, far: float) -> bool:
    """True when what a mistake gives is near, and what is right is far, so far that rounding can't decide.

    >>> is_named(1e-9, 0.1), is_named(9e-5, 2e-4), is_named(0.0, 0.0)
    (True, False, False)
    """
    return bool(far > max(NEARER * near, 1e-3))


def partly(evidence: Evidence, mistakes: list[Mistake], numbers: tuple[str, ...]) -> Diagnosis | None:
    """The mistake that explains one wrong quantity whole, where another has another cause or is right."""
    if any(one.failure for one in evidence.seen):
        return None
    wrong = facts.wrong_names(evidence.expected, evidence.seen)
    # One quantity alone cannot show that the order of all is wrong.
    in_a_step = [mistake for mistake in mistakes if mistake.returns is None]
    for name in wrong:
        matching = [mistake for mistake in in_a_step if explains(evidence, mistake, name)]
        if len(matching) == 1:
            others = [other for other in wrong if other != name]
            differ = (
                f"{facts.listed(others)} differ{'s' * (len(others) == 1)} in another way; mend {name} first."
            )
            off = facts.what_is_off(evidence.expected, evidence.seen)
            return Diagnosis.of(matching, f"{off}\nIn {name}:", (*numbers, *([differ] if others else [])))
    return None


def explains(evidence: Evidence, mistake: Mistake, name: str) -> bool:
    """True when the mistake gives the observed values of this quantity on every probe."""
    far, near = 0.0, 0.0
    for right, wrong, one in evidence.of(mistake.spoil(evidence.check.recipe)):
        if name not in wrong.values or not same(one.values[name], wrong.values[name]):
            return False
        near = max(near, off_by(one.values[name], wrong.values[name]))
        far = max(far, off_by(one.values[name], right[name]))
    return is_named(near, far)
