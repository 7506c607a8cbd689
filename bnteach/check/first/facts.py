"""What can be said for sure about a wrong answer that matches no mistake of the catalogue."""

from __future__ import annotations

import numpy as np

from ..comparing import same
from ..running import Observed, Probe, Values
from .case import Case, grouped, listed
from .example import numbers
from .exercise import Exercise
from .resemblance import about, measured

FEW = 3  # right quantities are named; of more it is said that all else is right
SHAPES = 2  # wrong shapes that are told; of more it is said how many there are
NTH = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def wrong_names(expected: list[Values], seen: list[Observed]) -> list[str]:
    """The quantities that are wrong on at least one probe, in order."""
    return [
        name
        for name in expected[0]
        if any(
            name in run.values and not same(run.values[name], right[name])
            for run, right in zip(seen, expected, strict=True)
        )
    ]


def what_is_off(check: Exercise, expected: list[Values], seen: list[Observed]) -> str:
    """Which quantities are wrong and which are right, as a sentence; or what the check itself tells."""
    if check.tell:
        return check.tell(seen)[0]
    wrong = wrong_names(expected, seen)
    if not wrong:
        return ""
    right = right_names(expected, seen)
    all_else = len(right) > FEW and len(right) + len(wrong) == len(expected[0])
    return f"{is_or_are(wrong)} off" + (
        "; all else is right." if all_else else f"; {is_or_are(right)} right." if right else "."
    )


def right_names(expected: list[Values], seen: list[Observed]) -> list[str]:
    """The quantities that came, and came out right, on every probe."""
    wrong = wrong_names(expected, seen)
    return [name for name in expected[0] if name not in wrong and all(name in run.values for run in seen)]


def is_or_are(names: list[str]) -> str:
    """
    >>> is_or_are(["dx"]), is_or_are(["dx", "dbeta"])
    ('dx is', 'dx and dbeta are')
    """
    return f"{listed(names)} {'are' if len(names) > 1 else 'is'}"


def what_happens(check: Exercise, expected: list[Values], seen: list[Observed]) -> str:
    """What is off, and the first failure, if there is one."""
    words = next((run.words for run in seen if run.failure), "")
    return " ".join(part for part in (what_is_off(check, expected, seen), words) if part)


def why(check: Exercise, probes: list[Probe], expected: list[Values], seen: list[Observed]) -> str:
    """Everything known, as sentences: failures first, then each wrong quantity."""
    if any(run.failure for run in seen):
        return failure(probes, expected, seen)
    sentences = [what_is_off(check, expected, seen), *changes(seen)]
    if check.tell:
        return "\n".join(filter(None, [*sentences, check.tell(seen)[1]]))
    if order := order_of_returns(check.recipe.returns, expected, seen):
        return "\n".join([*sentences, order])
    wrong = wrong_names(expected, seen)
    more = [name for name in wrong if has_another_shape(name, expected, seen)][SHAPES:]
    for name in wrong:
        if name not in more:
            sentences.append(one_quantity(check, name, probes, expected, seen))
    if more:
        sentences.append(f"And {len(more)} more {'have' if len(more) > 1 else 'has'} another shape.")
    return "\n".join(sentences)


def has_another_shape(name: str, expected: list[Values], seen: list[Observed]) -> bool:
    return any(run.values[name].shape != right[name].shape for run, right in zip(seen, expected, strict=True))


def one_quantity(
    check: Exercise, name: str, probes: list[Probe], expected: list[Values], seen: list[Observed]
) -> str:
    """What is known about one wrong quantity, as a sentence."""
    every = [
        Case(name, probe, right, run.values, check.recipe)
        for probe, right, run in zip(probes, expected, seen, strict=True)
    ]
    wrong = [case for case in every if not case.is_right]
    if has_another_shape(name, expected, seen):
        return f"{name}: {about(wrong)}{' With other inputs it is right.' * (len(wrong) < len(every))}"
    how = measured(wrong) if check.asks_for_formula else ""
    return f"{name}: {about(wrong)}{how}{only_there(wrong, every)}"


def changes(seen: list[Observed]) -> list[str]:
    """Says so when inputs are changed: a value that is used again later is then another one."""
    modified = sorted({name for run in seen for name in run.modified})
    return [f"Your code changes {listed(modified)} in place; work on a copy."] if modified else []


def failure(probes: list[Probe], expected: list[Values], seen: list[Observed]) -> str:
    """The words of the first failure, what came before it, and on which inputs the code did work."""
    failed = [(probe, run) for probe, run in zip(probes, seen, strict=True) if run.failure]
    words = [failed[0][1].words]
    wrong = [name for name in wrong_names(expected, seen) if all(name in run.values for run in seen)]
    for state, names in (("wrong", wrong), ("right", right_names(expected, seen))):
        words += [f"Before that, {listed(names)} came out {state}."] if names else []
    if len(failed) < len(probes):
        words.append(f"It happens with {shapes(failed[0][0])}, but not with every input.")
    return " ".join([*words, *changes(seen)])


def order_of_returns(names: tuple[str, ...], expected: list[Values], seen: list[Observed]) -> str:
    """Are all values right, but returned in another order?"""
    if not set(names) <= expected[0].keys():
        return ""
    order: list[str] = []
    for name in names:
        left = [other for other in names if other not in order]
        order += [other for other in left if stands_for(name, other, expected, seen)][:1]
    if len(order) < len(names) or tuple(order) == names:
        return ""
    if len(names) <= FEW:
        return f"The values are right, but their order is {', '.join(order)}; expected {', '.join(names)}."
    place = next(place for place, name in enumerate(names) if order[place] != name)
    nth = NTH[place] if place < len(NTH) else f"number {place + 1}"
    return f"The values are right, their order is not: the {nth} is {order[place]}, expected {names[place]}."


def stands_for(name: str, other: str, expected: list[Values], seen: list[Observed]) -> bool:
    """True when what came as one quantity has the right values of another one, on every probe."""
    return all(same(run.values[name], right[other]) for run, right in zip(seen, expected, strict=True))


def only_there(wrong: list[Case], every: list[Case]) -> str:
    """On which inputs it is wrong, or on which it is right, whichever are fewer."""
    right = [case for case in every if case.is_right]
    if not right:
        return ""
    fewer, state, other = (right, "right", "wrong") if len(right) < len(wrong) else (wrong, "wrong", "right")
    with_these = ", and with ".join(shapes(case.inputs) for case in fewer)
    return f" It is {state} with {with_these}; it is {other} with the other inputs."


def shapes(probe: Probe) -> str:
    """The shapes of a probe's arrays and its other values.

    >>> shapes({"x": np.zeros((3, 2)), "eps": 0.5})
    'x of shape (3, 2), eps = 0.5'
    """
    others = [
        f"{name} = {numbers(value)}" for name, value in probe.items() if not isinstance(value, np.ndarray)
    ]
    return ", ".join([*grouped(probe), *others])
