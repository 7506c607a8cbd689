"""Finds the mistake behind a wrong answer: in words that teach, or as a slip; else tells what is sure."""

from collections.abc import Iterable, Iterator
from itertools import combinations, product

from . import facts
from .comparing import ROUNDING, Values, agree, alike, same
from .evidence import Evidence
from .example import example, listed
from .mistakes import Mistake
from .running import Observed
from .verdict import NOT_YET, Verdict

FAR = 50 * ROUNDING  # where a mistake is named, one value at least is as wrong as this
PAIRS = 1500  # of a mistake and a slip that are looked for together

Together = tuple[Mistake, ...]  # mistakes that one learner makes


def named(evidence: Evidence, mistakes: Together, more: str = "", details: tuple[str, ...] = ()) -> Verdict:
    """The diagnosis that names one mistake, or two that occur together."""
    check, recipe = evidence.check, evidence.check.recipe
    said = [f"{one.title}. {one.why or recipe.meaning(one.title)}".strip() for one in mistakes]
    what = f"It looks like this: {said[0]}"
    if len(said) > 1:
        what = "\n- ".join(["It looks like two things at once:", *said])
    places = dict.fromkeys(one.lesson or check.lesson for one in mistakes if one.lines or one.lesson)
    read = [f"{notebook(lesson)} explains it. Section: {section}" for lesson, section in places]
    right = "; ".join(mistake.right_lines(recipe) for mistake in mistakes if mistake.lines)
    write = f"Write: {right}" * (not recipe.meaning(right))  # else the exercise's own hint says more
    return check.verdict(
        NOT_YET,
        f"{more}\n{what}" if more else what,
        write if right else mistakes[0].why,
        mistakes=tuple(dict.fromkeys(mistake.key for mistake in mistakes)),
        details=(*details, *read),
    )


def notebook(lesson: str) -> str:
    name = lesson.removeprefix("deeper/")
    return f"Lesson {name.split('_')[0]}" if name == lesson else f"The deeper notebook {name}"


def diagnose(evidence: Evidence) -> Verdict:
    """The mistake, the slip, or the two of them that alone give the learner's values; else the facts."""
    check, numbers = evidence.check, () if evidence.check.tell else example(evidence)
    known, is_told = list(check.known.values()), evidence.misplaced or not evidence.varies()
    slips = [] if is_told else check.slips
    told = check.verdict(NOT_YET, facts.why(evidence), details=numbers)
    for groups in candidates(known, slips):
        matching = [group for group in groups if is_match(evidence, group)]
        if matching:
            first = named(evidence, matching[0], facts.what_happens(evidence), numbers)
            return first if len(matching) == 1 else told
    return partly(evidence, known, numbers) or partly(evidence, slips, numbers) or told


def candidates(known: list[Mistake], slips: list[Mistake]) -> Iterator[Iterable[Together]]:
    """What a learner may have done, the likely first. Slips come one by one: the first that fits is taken."""
    yield ((mistake,) for mistake in known)
    yield from ([(slip,)] for slip in slips)
    yield filter(are_apart, combinations(known, 2))
    likely = slips[: PAIRS // max(len(known), 1)]
    yield from ([pair] for pair in filter(are_apart, product(known, likely)))


def are_apart(mistakes: Together) -> bool:
    """True when two mistakes change different lines, so that they can happen together."""
    return mistakes[0].lines.keys().isdisjoint(mistakes[1].lines)


def is_match(evidence: Evidence, mistakes: Together) -> bool:
    """True when these mistakes give what was observed on every probe, and a wrong value on one at least."""
    recipe = evidence.check.recipe
    for mistake in mistakes:
        recipe = mistake.in_recipe(recipe)
    is_wrong = False
    for inputs, right, seen in evidence.runs:
        made = evidence.check.observed_of(recipe, inputs, like=seen)
        if (made.failure, made.error) != (seen.failure, seen.error) or not agree(seen.values, made.values):
            return False
        is_wrong = is_wrong or any(is_far(seen, right, name) for name in seen.values)
    return is_wrong


def is_far(seen: Observed, right: Values, name: str) -> bool:
    """True when a value is so wrong that rounding can't be the cause."""
    return name in right and not same(seen.values[name], right[name], FAR)


def partly(evidence: Evidence, mistakes: list[Mistake], numbers: tuple[str, ...]) -> Verdict | None:
    """The mistake that explains most of the wrong quantities, where the others have another cause."""
    each = [] if evidence.is_failed() else [(explained(evidence, one), one) for one in mistakes]
    names, one = max(each, key=lambda pair: len(pair[0]), default=((), None))
    if not names:
        return None
    others = [name for name in evidence.wrong if name not in names]
    mend = listed([name for name in evidence.wrong if name in names])
    rest = f"{facts.is_or_are(others)} off too, and not by this alone; mend {mend} first."
    return named(evidence, (one,), f"{facts.what_is_off(evidence)}\nIn {mend}:", (*numbers, rest))


def explained(evidence: Evidence, mistake: Mistake) -> set[str]:
    """The wrong quantities that a mistake explains; none when it would spoil one that is right."""
    explained, runs = set(evidence.wrong), evidence.runs
    for inputs, right, seen in runs:
        made = evidence.check.observed_of(mistake.in_recipe(evidence.check.recipe), inputs).values
        explained &= alike(seen.values, made)
        if not explained or not alike(right, made).issuperset(evidence.right):
            return set()
    return {name for name in explained if any(is_far(run.seen, run.right, name) for run in runs)}
