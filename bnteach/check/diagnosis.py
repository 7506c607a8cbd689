"""Finds the mistake behind a wrong answer: a match in the catalogue, or else what can be said for sure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from . import facts
from .comparing import same
from .mistake import Mistake
from .recipe import Recipe
from .running import Observed

if TYPE_CHECKING:
    from .checking import Check

Probe = dict[str, Any]
Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong: in words, as keys of the catalogue (if it is known), with details, and how to mend it."""

    why: str
    keys: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    mend: str = ""

    @classmethod
    def of(cls, mistakes: list[Mistake], more: str = "", details: tuple[str, ...] = ()) -> Diagnosis:
        """The diagnosis that names one mistake of the catalogue, or two that occur together."""
        found = [f"{mistake.title[0].upper()}{mistake.title[1:]}. {mistake.confuses}" for mistake in mistakes]
        what = (
            found[0] if len(found) == 1 else "Two things at once.\n" + "\n".join(f"- {one}" for one in found)
        )
        places = [
            f"Lesson {mistake.lesson[0][:2]} explains it, under: {mistake.lesson[1]}" for mistake in mistakes
        ]
        return cls(
            " ".join(part for part in (more, what) if part),
            tuple(mistake.key for mistake in mistakes),
            (*details, *dict.fromkeys(places)),
            " ".join(mistake.mend for mistake in mistakes),
        )


def diagnose(check: Check, probes: list[Probe], expected: list[Values], seen: list[Observed]) -> Diagnosis:
    """Match the observed values with each mistake of the catalogue, then with each pair; else tell facts.

    A mistake is named only when it gives the learner's values to rounding on every probe, and no other does.
    """
    mistakes = check.mistakes()
    example = facts.example(check, probes, expected, seen)
    for group in ([[one] for one in mistakes], pairs(mistakes)):
        matching = [many for many in group if matches(check, many, probes, expected, seen)]
        if len(matching) == 1:
            return Diagnosis.of(matching[0], facts.what_is_off(expected, seen), example)
        if matching:
            titles = " or: ".join(", and ".join(one.title for one in many) for many in matching)
            return Diagnosis(
                f"{facts.what_is_off(expected, seen)} It may be this: {titles}.", details=example
            )
    part = partly(check, mistakes, probes, expected, seen)
    return part or Diagnosis(facts.why(check, probes, expected, seen), details=example)


def pairs(mistakes: list[Mistake]) -> Iterator[list[Mistake]]:
    """Every two mistakes that change different steps, so that they can happen together."""
    for one, other in combinations(mistakes, 2):
        if not one.touches() & other.touches():
            yield [one, other]


def spoiled(recipe: Recipe, mistakes: list[Mistake]) -> Recipe:
    for mistake in mistakes:
        recipe = mistake.spoil(recipe)
    return recipe


def matches(
    check: Check, mistakes: list[Mistake], probes: list[Probe], expected: list[Values], seen: list[Observed]
) -> bool:
    """True when these mistakes give what was observed on every probe, and give a wrong value on one at least.

    Without that wrong value there would be no evidence: two codes that both raise an error may have nothing
    else in common.
    """
    recipe, evidence = spoiled(check.recipe, mistakes), False
    for probe, right, one in zip(probes, expected, seen, strict=True):
        wrong = check.observed_of(recipe, probe)
        if (wrong.failure, wrong.error) != (one.failure, one.error) or not agree(wrong.values, one.values):
            return False
        evidence |= not agree(one.values, {name: right[name] for name in one.values if name in right})
    return evidence


def agree(one: Values, other: Values) -> bool:
    return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)


def partly(
    check: Check, mistakes: list[Mistake], probes: list[Probe], expected: list[Values], seen: list[Observed]
) -> Diagnosis | None:
    """The mistake that explains one wrong quantity whole, where the other wrong ones have another cause."""
    if any(one.failure for one in seen):
        return None
    wrong_ones = facts.wrong_names(expected, seen)
    for name in wrong_ones:
        matching = [mistake for mistake in mistakes if explains(check, mistake, name, probes, seen)]
        if len(matching) == 1:
            others = [other for other in wrong_ones if other != name]
            rest = f"{facts.listed(others)} differ{'s' * (len(others) == 1)} for another reason; mend {name} first."
            return Diagnosis.of(matching, f"{facts.what_is_off(expected, seen)} For {name}:", (rest,))
    return None


def explains(check: Check, mistake: Mistake, name: str, probes: list[Probe], seen: list[Observed]) -> bool:
    """True when the mistake gives the observed values of this quantity on every probe."""
    recipe = mistake.spoil(check.recipe)
    found = (check.observed_of(recipe, probe).values.get(name) for probe in probes)
    return all(
        value is not None and same(one.values[name], value) for value, one in zip(found, seen, strict=True)
    )
