"""Finds the mistake behind a wrong answer: in words that teach, or as a slip; else tells what is sure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations, product

import numpy as np

from . import facts
from .comparing import off_by, same
from .example import example
from .exercise import Exercise
from .mistakes import Mistake
from .running import Observed, Probe, Values

NEARER = 50  # a match must be this much nearer to the learner's values than the right ones are
PAIRS = 1500  # of a mistake and a slip that are looked for together
NOTHING = np.empty(0)


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong: in words, as keys of mistakes (if it is known), in details; and how to mend it."""

    why: str
    keys: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    mend: str = ""


@dataclass(frozen=True)
class Evidence:
    """What a diagnosis stands on: for each probe what is right and what was observed."""

    check: Exercise
    probes: list[Probe]
    expected: list[Values]
    seen: list[Observed]

    def of(
        self, mistakes: Iterable[Mistake], to_first_difference: bool = False
    ) -> Iterator[tuple[Values, Observed, Observed]]:
        """For each probe the right values, what these mistakes give, and what was observed."""
        recipe = self.check.recipe
        for mistake in mistakes:
            recipe = mistake.in_recipe(recipe)
        for probe, right, run in zip(self.probes, self.expected, self.seen, strict=True):
            yield right, self.check.observed_of(recipe, probe, run if to_first_difference else None), run

    @cached_property
    def wrong_and_right(self) -> tuple[list[str], list[str]]:
        """The quantities that are wrong on one probe at least, and those that are right on all."""
        return facts.wrong_names(self.expected, self.seen), facts.right_names(self.expected, self.seen)

    def varies(self) -> bool:
        """False where a wrong quantity is the same number everywhere: many slips together give that."""
        wrong, _ = self.wrong_and_right
        return all(
            np.ptp(run.values.get(name, NOTHING)) > 0
            for run in self.seen
            for name in wrong
            if name in run.values and run.values[name].size > 1
        )

    def off(self) -> str:
        """Which quantities are off, in words; and the first failure."""
        return facts.what_happens(self.check, self.expected, self.seen)

    def numbers(self) -> tuple[str, ...]:
        return () if self.check.tell else example(self.probes, self.expected, self.seen)


def named(
    check: Exercise, mistakes: list[Mistake], more: str = "", details: tuple[str, ...] = ()
) -> Diagnosis:
    """The diagnosis that names one mistake, or several that occur together."""
    told = [f"{mistake.title}. {mistake.why}".strip() for mistake in mistakes]
    if len(told) == 1:
        what = [f"It looks like this: {told[0]}"]
    else:
        what = [f"It looks like {'two' if len(told) == 2 else 'several'} things at once:"]
        what += [f"- {words}" for words in told]
    places = [mistake.lesson or check.lesson for mistake in mistakes]
    read = [
        f"Lesson {lesson[:2]} explains it. Section: {section}" for lesson, section in dict.fromkeys(places)
    ]
    right = "; ".join(mistake.right_lines(check.recipe) for mistake in mistakes if mistake.lines)
    return Diagnosis(
        "\n".join(part for part in (more, *what) if part),
        tuple(dict.fromkeys(mistake.key for mistake in mistakes)),
        (*details, *read),
        f"Write: {right}" if right else mistakes[0].why,
    )


def diagnose(check: Exercise, probes: list[Probe], expected: list[Values], seen: list[Observed]) -> Diagnosis:
    """The mistake, the slip, or the two of them that give the learner's values; else the facts.

    A mistake is named only when it gives the learner's values to rounding on every probe, and no other with
    words of its own does.
    """
    evidence, known, slips = Evidence(check, probes, expected, seen), list(check.known.values()), check.slips
    for groups, is_slip in candidates(known, slips if evidence.varies() else []):
        matching = matches(evidence, groups, first_alone=is_slip)
        if len(matching) == 1:
            return named(check, matching[0], evidence.off(), evidence.numbers())
        if matching:
            choice = ["- " + "; and ".join(mistake.title for mistake in group) + "." for group in matching]
            words = "\n".join([evidence.off(), "It may be one of these:", *choice])
            return Diagnosis(words, details=evidence.numbers())
    part = partly(evidence, known) or partly(evidence, slips)
    return part or Diagnosis(facts.why(check, probes, expected, seen), details=evidence.numbers())


def candidates(known: list[Mistake], slips: list[Mistake]) -> Iterator[tuple[Iterable[tuple], bool]]:
    """What a learner may have done, the likely first; and whether the first that fits is taken."""
    yield ((mistake,) for mistake in known), False
    yield ((slip,) for slip in slips), True
    yield (pair for pair in combinations(known, 2) if are_apart(*pair)), False
    likely = slips[: PAIRS // max(len(known), 1)]
    yield (pair for pair in product(known, likely) if are_apart(*pair)), True


def are_apart(first: Mistake, second: Mistake) -> bool:
    """True when two mistakes change different lines, so that they can happen together."""
    return not first.lines.keys() & second.lines.keys()


def matches(evidence: Evidence, groups: Iterable[tuple], first_alone: bool) -> list[list[Mistake]]:
    found = []
    for group in groups:
        if is_match(evidence, group):
            found.append(list(group))
            if first_alone:
                break
    return found


def is_match(evidence: Evidence, mistakes: Iterable[Mistake]) -> bool:
    """True when these mistakes give what was observed on every probe, and give a wrong value on one at least.

    Without that wrong value there would be no evidence: two codes that both raise an error may have nothing
    else in common.
    """
    far, near = 0.0, 0.0
    for right, wrong, run in evidence.of(mistakes, to_first_difference=True):
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


def partly(evidence: Evidence, mistakes: list[Mistake]) -> Diagnosis | None:
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
    mistakes = distinct(owners)
    rest = (
        f"{facts.is_or_are(others)} off too, and not by {'this' if len(mistakes) == 1 else 'these'} alone; "
        f"mend {first} first."
    )
    off = facts.what_is_off(evidence.check, evidence.expected, evidence.seen)
    more = f"{off}\nIn {first}:" if others else off
    return named(evidence.check, mistakes, more, (*evidence.numbers(), *([rest] if others else [])))


def distinct(owners: dict[str, Mistake]) -> list[Mistake]:
    return list({id(mistake): mistake for mistake in owners.values()}.values())


def consistent(evidence: Evidence, owners: dict[str, Mistake]) -> dict[str, Mistake]:
    """All of the owners if they can happen together and then still explain the same; else the first."""
    mistakes = distinct(owners)
    if len(mistakes) < 2:
        return owners
    touched = [step for mistake in mistakes for step in mistake.lines]
    if len(touched) == len(set(touched)):
        runs = list(evidence.of(mistakes))
        if all(explains(runs, name) for name in owners):
            return owners
    return {name: mistake for name, mistake in owners.items() if mistake is mistakes[0]}


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
    """Mistakes with the wrong quantities that they explain; those left out explain less than another one."""
    found = [(mistake, explained_by(evidence, mistake)) for mistake in mistakes]
    return [
        (mistake, names) for mistake, names in found if names and not any(names < other for _, other in found)
    ]


def explained_by(evidence: Evidence, mistake: Mistake) -> frozenset[str]:
    """The wrong quantities that a mistake explains; none when it would spoil one that is right, or when it
    explains less than half of what it would spoil: then it may be chance."""
    wrong, right = evidence.wrong_and_right
    explained, spoiled, runs = set(wrong), set(), []
    for wanted, made, run in evidence.of([mistake]):
        explained = {name for name in explained if is_made(made, run.values, name)}
        if not explained or not all(is_made(made, wanted, name) for name in right):
            return frozenset()
        spoiled |= {name for name in wrong if not is_made(made, wanted, name)}
        runs.append((wanted, made, run))
    explained = {name for name in explained if explains(runs, name)}
    return frozenset(explained if 2 * len(explained) >= len(spoiled) else ())


def is_made(made: Observed, values: Values, name: str) -> bool:
    """True when a run gave this value of this quantity."""
    return name in made.values and name in values and same(values[name], made.values[name])


def explains(runs: list[tuple[Values, Observed, Observed]], name: str) -> bool:
    """True when the mistake gives the observed values of this quantity on every probe."""
    if not all(is_made(made, run.values, name) for _, made, run in runs):
        return False
    near = max(off_by(run.values[name], made.values[name]) for _, made, run in runs)
    return is_named(near, max(off_by(run.values[name], right[name]) for right, _, run in runs))
