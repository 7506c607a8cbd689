"""What can be said for sure about a wrong answer that matches no mistake."""

from __future__ import annotations

from .evidence import Evidence
from .example import listed, shapes
from .resemblance import Case, about, measured

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
    """
    >>> is_or_are(["dx"]), is_or_are(["dx", "dbeta"])
    ('dx is', 'dx and dbeta are')
    """
    return f"{listed(names)} {'are' if len(names) > 1 else 'is'}"


def what_happens(evidence: Evidence) -> str:
    """What is off, and the first failure, if there is one."""
    words = next((run.words for run in evidence.seen if run.failure), "")
    return " ".join(filter(None, [what_is_off(evidence), words]))


def why(evidence: Evidence) -> str:
    """Everything known, as sentences: failures first, then each wrong quantity."""
    if evidence.is_failed():
        return failure(evidence)
    sentences = [what_is_off(evidence), *changes(evidence)]
    if evidence.check.tell:
        return "\n".join(filter(None, [*sentences, evidence.check.tell(evidence.seen)[1]]))
    cases = {name: cases_of(evidence, name) for name in evidence.wrong}
    reshaped = [name for name, every in cases.items() if any(not case.has_right_shape() for case in every)]
    more = reshaped[SHAPES:]
    sentences += [f"{name}: {facts_of(evidence, every)}" for name, every in cases.items() if name not in more]
    if more:
        sentences.append(f"And {len(more)} more {'have' if len(more) > 1 else 'has'} another shape.")
    return "\n".join(sentences)


def cases_of(evidence: Evidence, name: str) -> list[Case]:
    """The quantity on each probe."""
    runs = zip(evidence.probes, evidence.expected, evidence.seen, strict=True)
    return [Case(name, probe, right, run.values, evidence.check.recipe) for probe, right, run in runs]


def facts_of(evidence: Evidence, every: list[Case]) -> str:
    """What is known about one wrong quantity, and on which probes it is wrong."""
    right = [case for case in every if case.is_right]
    wrong = [case for case in every if not case.is_right]
    how = measured(wrong) if evidence.check.asks_for_formula else ""
    if not right:
        return f"{about(wrong)}{how}"
    few, is_few = (right, "right") if len(right) < len(wrong) else (wrong, "wrong")
    with_these = ", and with ".join(shapes(case.inputs) for case in few)
    others = "wrong" if is_few == "right" else "right"
    return f"{about(wrong)}{how} It is {is_few} with {with_these}; it is {others} with the other inputs."


def changes(evidence: Evidence) -> list[str]:
    """Says so when inputs are changed: a value that is used again later is then another one."""
    modified = sorted({name for run in evidence.seen for name in run.modified})
    return [f"Your code changes {listed(modified)} in place; work on a copy."] if modified else []


def failure(evidence: Evidence) -> str:
    """The words of the first failure, what came before it, and on which inputs the code did work."""
    failed = [probe for probe, run in zip(evidence.probes, evidence.seen, strict=True) if run.failure]
    words = [next(run.words for run in evidence.seen if run.failure)]
    wrong = [name for name in evidence.wrong if all(name in run.values for run in evidence.seen)]
    for state, names in (("wrong", wrong), ("right", evidence.right)):
        words += [f"Before that, {listed(names)} came out {state}."] if names else []
    if len(failed) < len(evidence.probes):
        words.append(f"It happens with {shapes(failed[0])}, but not with every input.")
    return " ".join([*words, *changes(evidence)])
