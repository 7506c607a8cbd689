"""Finds the mistake behind a wrong answer: a match in the catalogue, or else what can be said for sure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from ..comparing import off_by, same
from ..running import Observed, Probe, Values
from . import facts
from .example import example
from .exercise import Exercise
from .mistake import Mistake
from .recipe import Recipe

# A match must be this much nearer to the learner's values than the right ones are.
NEARER = 50
NOTHING = np.empty(0)


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
        sentences = [f"{mistake.title}. {mistake.confuses}" for mistake in mistakes]
        if len(sentences) == 1:
            what = [f"It looks like this: {sentences[0]}"]
        else:
            how_many = "two" if len(sentences) == 2 else "several"
            what = [f"It looks like {how_many} things at once:", *(f"- {sentence}" for sentence in sentences)]
        places = [
            f"Lesson {mistake.lesson[0][:2]} explains it. Section: {mistake.lesson[1]}"
            for mistake in mistakes
            if mistake.lesson
        ]
        return cls(
            "\n".join(part for part in (more, *what) if part),
            tuple(mistake.key for mistake in mistakes),
            (*details, *dict.fromkeys(places)),
            " ".join(mistake.mend for mistake in mistakes),
        )


@dataclass(frozen=True)
class Evidence:
    """What a diagnosis stands on: for each probe what is right and what was observed."""

    check: Exercise
    probes: list[Probe]
    expected: list[Values]
    seen: list[Observed]

    def of(self, recipe: Recipe) -> Iterator[tuple[Values, Observed, Observed]]:
        """For each probe the right values, what a recipe gives, and what was observed."""
        for probe, right, run in zip(self.probes, self.expected, self.seen, strict=True):
            yield right, self.check.observed_of(recipe, probe), run


def diagnose(check: Exercise, probes: list[Probe], expected: list[Values], seen: list[Observed]) -> Diagnosis:
    """Match the observed values with each mistake of the catalogue, then with each pair; else tell facts.

    A mistake is named only when it gives the learner's values to rounding on every probe, and no other does.
    """
    evidence, mistakes = Evidence(check, probes, expected, seen), check.mistakes()
    seen_so_far = facts.what_happens(check, expected, seen)
    numbers = () if check.tell else example(probes, expected, seen)
    for candidates in ([[mistake] for mistake in mistakes], pairs(mistakes)):
        matching = [group for group in candidates if matches(evidence, group)]
        if len(matching) == 1:
            return Diagnosis.of(matching[0], seen_so_far, numbers)
        if matching:
            choice = ["- " + "; and ".join(mistake.title for mistake in group) + "." for group in matching]
            return Diagnosis("\n".join([seen_so_far, "It may be one of these:", *choice]), details=numbers)
    part = partly(evidence, mistakes, numbers)
    return part or Diagnosis(facts.why(check, probes, expected, seen), details=numbers)


def pairs(mistakes: list[Mistake]) -> Iterator[list[Mistake]]:
    """Every two mistakes that change different steps, so that they can happen together."""
    for first, second in combinations(mistakes, 2):
        if not first.touches() & second.touches():
            yield [first, second]


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
    for right, wrong, run in evidence.of(spoiled(evidence.check.recipe, mistakes)):
        if (wrong.failure, wrong.error) != (
            run.failure,
            run.error,
        ) or wrong.values.keys() != run.values.keys():
            return False
        for name, value in run.values.items():
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
    """The mistakes that explain a part of the wrong quantities, where the others have another cause."""
    if any(run.failure for run in evidence.seen):
        return None
    wrong = facts.wrong_names(evidence.expected, evidence.seen)
    explained, misplaced = explanations(evidence, mistakes), in_wrong_places(evidence, wrong)
    owners = {
        name: mistake for name in wrong if name not in misplaced and (mistake := owner(name, explained))
    }
    owners = consistent(evidence, owners)
    if not owners:
        return None
    others = [name for name in wrong if name not in owners]
    first = facts.listed(list(owners))
    named = list({mistake.key: mistake for mistake in owners.values()}.values())
    rest = (
        f"{facts.is_or_are(others)} off too, and not by {'this' if len(named) == 1 else 'these'} alone; "
        f"mend {first} first."
    )
    off = facts.what_is_off(evidence.check, evidence.expected, evidence.seen)
    more = f"{off}\nIn {first}:" if others else off
    return Diagnosis.of(named, more, (*numbers, *([rest] if others else [])))


def consistent(evidence: Evidence, owners: dict[str, Mistake]) -> dict[str, Mistake]:
    """All of the owners if they can happen together and then still explain the same; else the first."""
    named = list({mistake.key: mistake for mistake in owners.values()}.values())
    if len(named) < 2:
        return owners
    touched = [step for mistake in named for step in mistake.touches()]
    if len(touched) == len(set(touched)):
        runs = list(evidence.of(spoiled(evidence.check.recipe, named)))
        if all(explains(runs, name) for name in owners):
            return owners
    return {name: mistake for name, mistake in owners.items() if mistake is named[0]}


def in_wrong_places(evidence: Evidence, wrong: list[str]) -> set[str]:
    """Wrong quantities that have the right values of another wrong one: their places may have changed."""
    runs = list(zip(evidence.expected, evidence.seen, strict=True))
    return {
        name
        for name, other in permutations(wrong, 2)
        if all(same(run.values[name], right[other]) for right, run in runs)
    }


def owner(name: str, explained: list[tuple[Mistake, frozenset[str]]]) -> Mistake | None:
    """The one mistake that explains a quantity; None when there is none, or more than one."""
    owners = [mistake for mistake, names in explained if name in names]
    return owners[0] if len(owners) == 1 else None


def explanations(evidence: Evidence, mistakes: list[Mistake]) -> list[tuple[Mistake, frozenset[str]]]:
    """Mistakes with the wrong quantities that they explain; those left out explain less than another one.

    One quantity alone cannot show that the order of all is wrong, so such mistakes are left out too.
    """
    found = [(mistake, explained_by(evidence, mistake)) for mistake in mistakes if mistake.returns is None]
    return [
        (mistake, names) for mistake, names in found if names and not any(names < other for _, other in found)
    ]


def explained_by(evidence: Evidence, mistake: Mistake) -> frozenset[str]:
    """The wrong quantities that a mistake explains; none when it would spoil one that is right, or when it
    explains less than half of what it would spoil: then it may be chance."""
    runs = list(evidence.of(mistake.spoil(evidence.check.recipe)))
    right = facts.right_names(evidence.expected, evidence.seen)
    if any(
        not same(made.values.get(name, NOTHING), wanted[name]) for wanted, made, _ in runs for name in right
    ):
        return frozenset()
    wrong = facts.wrong_names(evidence.expected, evidence.seen)
    explained = frozenset(name for name in wrong if explains(runs, name))
    spoiled_by_it = [
        name
        for name in wrong
        if any(not same(made.values.get(name, NOTHING), wanted[name]) for wanted, made, _ in runs)
    ]
    return explained if 2 * len(explained) >= len(spoiled_by_it) else frozenset()


def explains(runs: list[tuple[Values, Observed, Observed]], name: str) -> bool:
    """True when the mistake gives the observed values of this quantity on every probe."""
    far, near = 0.0, 0.0
    for right, made, run in runs:
        if name not in made.values or name not in run.values or not same(run.values[name], made.values[name]):
            return False
        near = max(near, off_by(run.values[name], made.values[name]))
        far = max(far, off_by(run.values[name], right[name]))
    return is_named(near, far)
