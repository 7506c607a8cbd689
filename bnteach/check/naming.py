"""Finds the mistake behind a wrong answer: in words that teach, or as a slip; else tells what is sure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import combinations, product

from . import facts
from .comparing import Values, agree, off_by, same
from .evidence import Evidence
from .example import example, listed
from .mistakes import Mistake
from .resemblance import TAUGHT
from .running import Observed
from .verdict import NOT_YET, Verdict

NEARER = 50  # a match must be this much nearer to the learner's values than the right ones are
PAIRS = 1500  # of a mistake and a slip that are looked for together

Together = tuple[Mistake, ...]  # mistakes that one learner makes
Run = tuple[Values, Observed, Observed]  # what is right, what mistakes give, what was observed


def named(evidence: Evidence, mistakes: Together, more: str = "", details: tuple[str, ...] = ()) -> Verdict:
    """The diagnosis that names one mistake, or several that occur together."""
    check = evidence.check
    titles = [in_known_names(evidence, mistake.title) for mistake in mistakes]
    whys = [one.why or meaning(evidence, title) for one, title in zip(mistakes, titles, strict=True)]
    said = [f"{title}. {why}".strip() for title, why in zip(titles, whys, strict=True)]
    what = f"It looks like this: {said[0]}"
    if len(said) > 1:
        how_many = "two" if len(said) == 2 else "several"
        what = "\n- ".join([f"It looks like {how_many} things at once:", *said])
    places = dict.fromkeys(one.lesson or check.lesson for one in mistakes if one.lines or one.lesson)
    read = [f"{notebook(lesson)} explains it. Section: {section}" for lesson, section in places]
    right = "; ".join(mistake.right_lines(check.recipe) for mistake in mistakes if mistake.lines)
    write = f"Write: {right}" * (not meaning(evidence, right))  # else the exercise's own hint says more
    return check.verdict(
        NOT_YET,
        f"{more}\n{what}" if more else what,
        write if right else mistakes[0].why,
        mistakes=tuple(dict.fromkeys(mistake.key for mistake in mistakes)),
        details=(*details, *read),
    )


def unknown_steps(evidence: Evidence) -> dict[str, str]:
    """The lines of the recipe whose names a learner may not know."""
    known = {*evidence.check.recipe.returns, *evidence.names, *TAUGHT} - ({"inv_std"} - evidence.names)
    return {name: text for name, text in evidence.check.recipe.steps.items() if name not in known}


def in_known_names(evidence: Evidence, title: str) -> str:
    """The title of a slip, with the right line in the place of a name that a learner may not know."""
    new = unknown_steps(evidence)
    said = re.sub(r"`(\w+)`", lambda name: f"`{new.get(name[1], name[1])}`", title)
    line, end, words = said.removeprefix("in `").partition("` ")
    return words if said.startswith("in `") and end and line in words else said


def meaning(evidence: Evidence, words: str) -> str:
    """What stands for the names of steps in these words that a learner may not know."""
    said, steps = re.findall(r"\w+", words), unknown_steps(evidence)
    new = {name: line for name, line in steps.items() if name in said and line not in words}
    told = ", ".join(f"{name} is {line}" for name, line in new.items())
    return f"Here {told}.".replace("* inv_std", f"* {TAUGHT['inv_std']}") if told else ""


def notebook(lesson: str) -> str:
    name = lesson.removeprefix("deeper/")
    return f"Lesson {name.split('_')[0]}" if name == lesson else f"The deeper notebook {name}"


def diagnose(evidence: Evidence) -> Verdict:
    """The mistake, the slip, or the two of them that alone give the learner's values; else the facts."""
    known, numbers = evidence.known, () if evidence.check.tell else example(evidence)
    slips = evidence.check.slips if evidence.varies() else []
    slips = sorted(slips, key=lambda slip: slip.lines.keys().isdisjoint(evidence.wrong))  # wrong lines first
    for groups, may_stop in candidates(known, [] if evidence.reshaped else slips):
        matching = [group for group in groups if is_match(evidence, group, may_stop)]
        if len(matching) == 1:
            return named(evidence, matching[0], facts.what_happens(evidence), numbers)
        if matching:
            choice = [
                "- " + "; and ".join(in_known_names(evidence, one.title) for one in group) + "."
                for group in matching
            ]
            words = [facts.what_happens(evidence), "It may be one of these:", *choice]
            return evidence.check.verdict(NOT_YET, "\n".join(words), details=numbers)
    part = partly(evidence, known, numbers) or partly(evidence, slips, numbers)
    return part or evidence.check.verdict(NOT_YET, facts.why(evidence), details=numbers)


def candidates(known: list[Mistake], slips: list[Mistake]) -> Iterator[tuple[Iterable[Together], bool]]:
    """What a learner may have done, the likely first, and whether it may stop on a few probes where the
    learner's code does not. Slips come one by one: the first that fits is taken."""
    yield ((mistake,) for mistake in known), False
    yield from (([(slip,)], False) for slip in slips)
    yield filter(are_apart, combinations(known, 2)), False
    likely = slips[: PAIRS // max(len(known), 1)]
    yield from (([pair], False) for pair in filter(are_apart, product(known, likely)))
    yield ((mistake,) for mistake in known), True


def are_apart(mistakes: Iterable[Mistake]) -> bool:
    """True when mistakes change different lines, so that they can happen together."""
    lines = [line for mistake in mistakes for line in mistake.lines]
    return len(lines) == len(set(lines))


def is_match(evidence: Evidence, mistakes: Together, may_stop: bool) -> bool:
    """True when these mistakes give what was observed on every probe, and a wrong value on one at least."""
    # With `may_stop` some probes are left out, fewer than half: where one of the two stops and the other does
    # not, as PyTorch may with a single sample.
    runs: list[Run] = []
    for right, made, run in evidence.of(mistakes, to_first_difference=True):
        if (made.failure, made.error) == (run.failure, run.error):
            if not agree(run.values, made.values):
                return False
            runs.append((right, made, run))
        elif not may_stop or made.failure == run.failure:
            return False
    is_enough = 2 * len(runs) > len(evidence.probes)
    return is_enough and is_sure(runs, {name for _, _, run in runs for name in run.values})


def is_sure(runs: list[Run], names: Iterable[str]) -> bool:
    """True when what the mistakes give is near, and what is right is so far that rounding can't decide."""
    near = far = 0.0
    for right, made, run in runs:
        for name in run.values.keys() & names:
            near = max(near, off_by(run.values[name], made.values[name]))
            far = max(far, off_by(run.values[name], right[name]) if name in right else 0.0)
    return far > max(NEARER * near, 1e-3)


def partly(evidence: Evidence, mistakes: list[Mistake], numbers: tuple[str, ...]) -> Verdict | None:
    """The mistakes that explain a part of the wrong quantities, where the others have another cause."""
    if evidence.is_failed() or evidence.check.tell or not (found := parts(evidence, mistakes)):
        return None
    names = [name for name in evidence.wrong if any(name in of_one for _, of_one in found)]
    others = [name for name in evidence.wrong if name not in names]
    more = facts.what_is_off(evidence) + f"\nIn {listed(names)}:" * bool(others)
    these = "this" if len(found) == 1 else "these"
    rest = f"{facts.is_or_are(others)} off too, and not by {these} alone; mend {listed(names)} first."
    return named(evidence, tuple(mistake for mistake, _ in found), more, (*numbers, *[rest][: len(others)]))


def parts(evidence: Evidence, mistakes: list[Mistake]) -> list[tuple[Mistake, frozenset[str]]]:
    """Mistakes that can happen together, with the wrong quantities that each, and it alone, explains."""
    each = [(mistake, names) for mistake in mistakes if (names := explained(evidence, [mistake]))]
    found: list[tuple[Mistake, frozenset[str]]] = []
    for mistake, names in each:
        is_alone = not any(names & other and other is not names and not other < names for _, other in each)
        if is_alone and are_apart([mistake, *(one for one, _ in found)]):
            found.append((mistake, names))
    together = set().union(*(names for _, names in found))
    return found if together <= explained(evidence, [mistake for mistake, _ in found]) else found[:1]


def explained(evidence: Evidence, mistakes: Iterable[Mistake]) -> frozenset[str]:
    """The wrong quantities that mistakes explain; none when they would spoil one that is right, or when they
    explain less than half of what they would spoil: then it may be chance."""
    explained, spoiled, runs = set(evidence.wrong) - evidence.misplaced - evidence.reshaped, set(), []
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
