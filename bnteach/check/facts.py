"""What can be said for sure about a wrong answer that matches no mistake."""

from __future__ import annotations

from .comparing import same
from .evidence import Evidence
from .example import listed, shapes
from .resemblance import Case, about, measured, odd_shape

FEW = 3  # right quantities are named; of more it is said that all else is right
SHAPES = 2  # wrong shapes that are told; of more it is said how many there are


def what_is_off(evidence: Evidence) -> str:
    """Which quantities are wrong and which are right, as a sentence; or what the check itself tells."""
    if evidence.check.tell:
        return evidence.check.tell(evidence.seen)[0]
    wrong, right = evidence.wrong, evidence.right
    if not wrong:
        return ""
    if len(right) > FEW and len(right) + len(wrong) == len(evidence.expected[0]):
        return f"{is_or_are(wrong)} off; all else is right."
    return f"{is_or_are(wrong)} off" + (f"; {is_or_are(right)} right." if right else ".")


def is_or_are(names: list[str]) -> str:
    return f"{listed(names)} {'are' if len(names) > 1 else 'is'}"


def what_happens(evidence: Evidence) -> str:
    """What is off, and the first failure, if there is one."""
    words = next((run.words for run in evidence.seen if run.failure), "")
    return " ".join(filter(None, [what_is_off(evidence), words, *on_which(evidence)]))


def why(evidence: Evidence) -> str:
    """Everything known, as sentences: failures first, then each wrong quantity."""
    if evidence.is_failed():
        return failure(evidence)
    sentences = [what_is_off(evidence), *changes(evidence)]
    if evidence.check.tell:
        return "\n".join(filter(None, [*sentences, evidence.check.tell(evidence.seen)[1]]))
    cases = {name: cases_of(evidence, name) for name in evidence.wrong}
    more = [name for name, every in cases.items() if any(map(odd_shape, every))][SHAPES:]
    sentences += [f"{name}: {facts_of(evidence, every)}" for name, every in cases.items() if name not in more]
    return "\n".join(sentences + [f"And {len(more)} more with another shape."] * bool(more))


def cases_of(evidence: Evidence, name: str) -> list[Case]:
    """The quantity on each probe."""
    recipe = evidence.check.recipe
    return [Case(name, probe, right, run.values[name], recipe) for probe, right, run in evidence.runs]


def facts_of(evidence: Evidence, every: list[Case]) -> str:
    """What is known about one wrong quantity, and on which probes it is wrong."""
    wrong, right = ([case for case in every if case.is_right == is_right] for is_right in (False, True))
    words = about(wrong) + (measured(wrong) if evidence.check.asks_for_formula else "")
    if not right or hides(evidence, wrong, right):
        return words
    few, many, cases = ("right", "wrong", right) if len(right) < len(wrong) else ("wrong", "right", wrong)
    with_these = ", and with ".join(shapes(case.inputs) for case in cases)
    return f"{words} It is {few} with {with_these}; it is {many} with the other inputs."


def hides(evidence: Evidence, wrong: list[Case], right: list[Case]) -> bool:
    """True when it may be right by chance: a number such as ε has no effect there, but elsewhere."""

    def shows(case: Case, number: str) -> bool:
        other = evidence.check.run_with(case.inputs, **{number: case.inputs[number] / 3}).values
        return case.name not in other or not same(other[case.name], case.right)

    numbers = [name for name, value in wrong[0].inputs.items() if isinstance(value, float)]
    return any(
        any(shows(case, number) for case in wrong) and not all(shows(case, number) for case in right)
        for number in numbers
    )


def changes(evidence: Evidence) -> list[str]:
    """Says so when inputs are changed: a value that is used again later is then another one."""
    modified = sorted({name for run in evidence.seen for name in run.modified})
    return [f"Your code changes {listed(modified)} in place; work on a copy."] if modified else []


def failure(evidence: Evidence) -> str:
    """The words of the first failure, what came before it, and on which inputs the code did work."""
    words = [next(run.words for run in evidence.seen if run.failure)]
    wrong = [name for name in evidence.wrong if all(name in run.values for run in evidence.seen)]
    for state, names in (("wrong", wrong), ("right", evidence.right)):
        words += [f"Before that, {listed(names)} came out {state}."] if names else []
    return " ".join([*words, *on_which(evidence), *changes(evidence)])


def on_which(evidence: Evidence) -> list[str]:
    """The first inputs with which the code fails, if it does not fail with all."""
    failed = [probe for probe, _, run in evidence.runs if run.failure]
    if not 0 < len(failed) < len(evidence.probes):
        return []
    return [f"It happens with {shapes(failed[0])}, but not with every input."]
