"""What can be said for sure about a wrong answer that matches no mistake."""

from .comparing import same
from .evidence import Evidence
from .example import listed, shapes
from .resemblance import Case, about

FEW = 3  # wrong quantities are told one by one; of more right ones it is said that all else is right


def what_is_off(evidence: Evidence) -> str:
    """Which quantities are wrong and which are right, as a sentence; or what the check itself tells."""
    wrong, right = evidence.wrong, evidence.right
    if evidence.check.tell:
        return evidence.check.tell([run.seen for run in evidence.runs])
    if not wrong:
        return ""
    if len(right) > FEW and len(right) + len(wrong) == len(evidence.names):
        return f"{is_or_are(wrong)} off; all else is right."
    return f"{is_or_are(wrong)} off" + (f"; {is_or_are(right)} right." if right else ".")


def is_or_are(names: list[str]) -> str:
    return f"{listed(names)} {'are' if len(names) > 1 else 'is'}"


def what_happens(evidence: Evidence) -> str:
    """What is off, and the first failure, if there is one."""
    return " ".join(filter(None, [what_is_off(evidence), *failure(evidence)]))


def why(evidence: Evidence) -> str:
    """Everything known, as sentences: failures first, then each wrong quantity."""
    if evidence.is_failed():
        before = [f"Before that, {listed(evidence.right)} came out right."] if evidence.right else []
        return " ".join([*failure(evidence), *before, *changes(evidence)])
    sentences = [what_is_off(evidence), *changes(evidence)]
    if not evidence.check.tell:
        sentences += [f"{name}: {facts_of(evidence, name)}" for name in evidence.wrong[:FEW]]
    return "\n".join(filter(None, sentences))


def facts_of(evidence: Evidence, name: str) -> str:
    """What is known about one wrong quantity, and on which probes it is wrong."""
    recipe = evidence.check.recipe
    cases = [
        Case(name, inputs, expected, expected[name], seen.values[name], recipe)
        for inputs, expected, seen in evidence.runs
    ]
    right, wrong = ([one for one in cases if same(one.found, one.right) is it] for it in (True, False))
    if not right:
        return about(wrong)
    few, many, fewer = ("right", "wrong", right) if len(right) < len(wrong) else ("wrong", "right", wrong)
    where = ", and with ".join(shapes(case.inputs) for case in fewer)
    return f"{about(wrong)} It is {few} with {where}; it is {many} with the other inputs."


def changes(evidence: Evidence) -> list[str]:
    """Says so when inputs are changed: a value that is used again later is then another one."""
    words = f"Your code changes {listed(evidence.modified)} in place; work on a copy."
    return [words] if evidence.modified else []


def failure(evidence: Evidence) -> list[str]:
    """The words of the first failure, and its inputs if the code does not fail with all."""
    failed = [run for run in evidence.runs if run.seen.failure]
    words = [run.seen.words for run in failed[:1]]
    if 0 < len(failed) < len(evidence.runs):
        words += [f"It happens with {shapes(failed[0].inputs)}, but not with every input."]
    return words
