"""Finds the mistake behind a wrong answer: in words that teach, or as a slip; else tells what is sure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, product

from . import facts
from .comparing import Values, off_by, same
from .evidence import Evidence
from .example import example, listed
from .exercise import Exercise
from .mistakes import Mistake
from .running import Observed

NEARER = 50  # a match must be this much nearer to the learner's values than the right ones are
PAIRS = 1500  # of a mistake and a slip that are looked for together

Together = tuple[Mistake, ...]  # mistakes that one learner makes
Run = tuple[Values, Observed, Observed]  # what is right, what mistakes give, what was observed


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong: in words, as keys of mistakes (if it is known), in details; and how to mend it."""

    why: str
    keys: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    mend: str = ""


def named(check: Exercise, mistakes: Together, more: str = "", details: tuple[str, ...] = ()) -> Diagnosis:
    """The diagnosis that names one mistake, or several that occur together."""
    said = [f"{mistake.title}. {mistake.why}".strip() for mistake in mistakes]
    what = f"It looks like this: {said[0]}"
    if len(said) > 1:
        how_many = "two" if len(said) == 2 else "several"
        what = "\n- ".join([f"It looks like {how_many} things at once:", *said])
    places = dict.fromkeys(mistake.lesson or check.lesson for mistake in mistakes)
    read = [f"{notebook(lesson)} explains it. Section: {section}" for lesson, section in places]
    right = "; ".join(mistake.right_lines(check.recipe) for mistake in mistakes if mistake.lines)
    return Diagnosis(
        f"{more}\n{what}" if more else what,
        tuple(dict.fromkeys(mistake.key for mistake in mistakes)),
        (*details, *read),
        f"Write: {right}" if right else mistakes[0].why,
    )


def notebook(lesson: str) -> str:
    """
    >>> notebook("02_normalize"), notebook("deeper/fold_it_away")
    ('Lesson 02', 'The deeper notebook fold_it_away')
    """
    name = lesson.removeprefix("deeper/")
    return f"Lesson {name[:2]}" if name == lesson else f"The deeper notebook {name}"


def diagnose(evidence: Evidence) -> Diagnosis:
    """The mistake, the slip, or the two of them that give the learner's values; else the facts.

    A mistake is named only when it gives the learner's values to rounding on every probe, and no other with
    words of its own does.
    """
    check, known, slips = evidence.check, list(evidence.check.known.values()), evidence.check.slips
    numbers = () if check.tell else example(evidence)
    for groups in candidates(known, slips if evidence.varies() else []):
        matching = [group for group in groups if is_match(evidence, group)]
        if len(matching) == 1:
            return named(check, matching[0], facts.what_happens(evidence), numbers)
        if matching:
            choice = ["- " + "; and ".join(mistake.title for mistake in group) + "." for group in matching]
            words = [facts.what_happens(evidence), "It may be one of these:", *choice]
            return Diagnosis("\n".join(words), details=numbers)
    part = partly(evidence, known, numbers) or partly(evidence, slips, numbers)
    return part or Diagnosis(facts.why(evidence), details=numbers)


def candidates(known: list[Mistake], slips: list[Mistake]) -> Iterator[Iterable[Together]]:
    """What a learner may have done, the likely first. Slips come one by one: the first that fits is taken."""
    yield ((mistake,) for mistake in known)
    yield from ([(slip,)] for slip in slips)
    yield filter(are_apart, combinations(known, 2))
    likely = slips[: PAIRS // max(len(known), 1)]
    yield from ([pair] for pair in filter(are_apart, product(known, likely)))


def are_apart(mistakes: Iterable[Mistake]) -> bool:
    """True when mistakes change different lines, so that they can happen together."""
    lines = [line for mistake in mistakes for line in mistake.lines]
    return len(lines) == len(set(lines))


def is_match(evidence: Evidence, mistakes: Together) -> bool:
    """True when these mistakes give what was observed on every probe, and give a wrong value on one at least.

    Without that wrong value there would be no evidence: two codes that both raise an error may have nothing
    else in common.
    """
    runs: list[Run] = []
    for right, made, run in evidence.of(mistakes, to_first_difference=True):
        if (made.failure, made.error, made.values.keys()) != (run.failure, run.error, run.values.keys()):
            return False
        if not all(same(value, made.values[name]) for name, value in run.values.items()):
            return False
        runs.append((right, made, run))
    return is_sure(runs, {name for _, _, run in runs for name in run.values})


def is_sure(runs: list[Run], names: Iterable[str]) -> bool:
    """True when what the mistakes give is near, and what is right is so far that rounding can't decide."""
    near = far = 0.0
    for right, made, run in runs:
        for name in run.values.keys() & names:
            near = max(near, off_by(run.values[name], made.values[name]))
            far = max(far, off_by(run.values[name], right[name]) if name in right else 0.0)
    return far > max(NEARER * near, 1e-3)


def partly(evidence: Evidence, mistakes: list[Mistake], numbers: tuple[str, ...]) -> Diagnosis | None:
    """The mistakes that explain a part of the wrong quantities, where the others have another cause."""
    if evidence.is_failed() or evidence.check.tell:
        return None
    found = tuple(parts(evidence, mistakes))
    of_found = {name for part in found for name in explained(evidence, [part])}
    names = [name for name in evidence.wrong if name in of_found]
    others = [name for name in evidence.wrong if name not in names]
    if not names:
        return None
    more = facts.what_is_off(evidence) + f"\nIn {listed(names)}:" * bool(others)
    these = "this" if len(found) == 1 else "these"
    rest = f"{facts.is_or_are(others)} off too, and not by {these} alone; mend {listed(names)} first."
    return named(evidence.check, found, more, (*numbers, *[rest][: len(others)]))


def parts(evidence: Evidence, mistakes: list[Mistake]) -> Together:
    """Mistakes that each explain some of the wrong quantities, and that can happen together.

    Left out is one that explains less than another one, and those that explain the same thing.
    """
    by_mistake = [(mistake, names) for mistake in mistakes if (names := explained(evidence, [mistake]))]
    every = [names for _, names in by_mistake]
    found: Together = ()
    for mistake, names in by_mistake:
        is_alone = not any(names & other and other is not names and not other < names for other in every)
        if is_alone and are_apart([*found, mistake]):
            found += (mistake,)
    together = set().union(*(explained(evidence, [mistake]) for mistake in found))
    return found if together <= explained(evidence, found) else found[:1]


def explained(evidence: Evidence, mistakes: Iterable[Mistake]) -> frozenset[str]:
    """The wrong quantities that mistakes explain; none when they would spoil one that is right, or when they
    explain less than half of what they would spoil: then it may be chance."""
    explained, spoiled, runs = set(evidence.wrong) - evidence.misplaced, set(), []
    for right, made, run in evidence.of(mistakes):
        explained = {name for name in explained if is_made(made, run.values, name)}
        if not explained or not all(is_made(made, right, name) for name in evidence.right):
            return frozenset()
        spoiled |= {name for name in evidence.wrong if not is_made(made, right, name)}
        runs.append((right, made, run))
    explained = {name for name in explained if is_sure(runs, {name})}
    return frozenset(explained if 2 * len(explained) >= len(spoiled) else ())


def is_made(made: Observed, values: Values, name: str) -> bool:
    """True when a run gave this value of this quantity."""
    return name in made.values and name in values and same(values[name], made.values[name])
