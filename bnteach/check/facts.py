"""What can be said for sure about a wrong answer that matches no mistake of the catalogue."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from .case import Case
from .comparing import same
from .example import numbers
from .resemblance import about
from .running import Observed, Probe, Values

if TYPE_CHECKING:
    from .checking import Check


def listed(names: list[str]) -> str:
    """Names in a sentence.

    >>> listed(["dx", "dgamma", "dbeta"])
    'dx, dgamma and dbeta'
    """
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def wrong_names(expected: list[Values], seen: list[Observed]) -> list[str]:
    """The quantities that are wrong on at least one probe, in order."""
    return [
        name
        for name in expected[0]
        if any(
            name in one.values and not same(one.values[name], right[name])
            for one, right in zip(seen, expected, strict=True)
        )
    ]


def what_is_off(expected: list[Values], seen: list[Observed]) -> str:
    """Which quantities are right and which are not, as a sentence."""
    wrong = wrong_names(expected, seen)
    right = [name for name in expected[0] if name not in wrong and all(name in one.values for one in seen)]
    if not wrong:
        return ""
    is_right = f"{listed(right)} {'are' if len(right) > 1 else 'is'} right, " if right else ""
    return f"{is_right}{listed(wrong)} {'are' if len(wrong) > 1 else 'is'} off."


def what_happens(expected: list[Values], seen: list[Observed]) -> str:
    """What is off, and the first failure, if there is one."""
    words = next((one.words for one in seen if one.failure), "")
    return " ".join(part for part in (what_is_off(expected, seen), words) if part)


def why(check: Check, probes: list[Probe], expected: list[Values], seen: list[Observed]) -> str:
    """Everything known, as sentences: failures first, then each wrong quantity."""
    if any(one.failure for one in seen):
        return failure(probes, expected, seen)
    sentences = [what_is_off(expected, seen), *changes(seen)]
    if order := order_of_returns(expected, seen):
        return "\n".join([*sentences, order])
    for name in wrong_names(expected, seen):
        every = [
            Case(name, probe, right, one.values, check.recipe)
            for probe, right, one in zip(probes, expected, seen, strict=True)
        ]
        wrong = [case for case in every if not case.is_right]
        sentences.append(f"{name}: {about(wrong)}{only_there(wrong, every)}")
    return "\n".join(sentences)


def changes(seen: list[Observed]) -> list[str]:
    """Says so when inputs are changed: a value that is used again later is then another one."""
    modified = sorted({name for one in seen for name in one.modified})
    return [f"Your code changes {listed(modified)} in place; work on a copy."] if modified else []


def failure(probes: list[Probe], expected: list[Values], seen: list[Observed]) -> str:
    """The words of the first failure, what came before it, and on which inputs the code did work."""
    failed = [(probe, one) for probe, one in zip(probes, seen, strict=True) if one.failure]
    words = [failed[0][1].words]
    came = [name for name in expected[0] if all(name in one.values for one in seen)]
    wrong = wrong_names(expected, seen)
    for state, names in (
        ("right", [name for name in came if name not in wrong]),
        ("wrong", [name for name in came if name in wrong]),
    ):
        words += [f"Before that, {listed(names)} came out {state}."] if names else []
    if len(failed) < len(probes):
        words.append(f"It happens with {shapes(failed[0][0])}, but not with every input.")
    return " ".join([*words, *changes(seen)])


def order_of_returns(expected: list[Values], seen: list[Observed]) -> str:
    """Are all values right, but returned in another order?"""
    names = tuple(expected[0])
    for order in permutations(names) if len(names) <= 4 else ():
        if order != names and all(
            same(one.values[name], right[other])
            for one, right in zip(seen, expected, strict=True)
            for name, other in zip(names, order, strict=True)
        ):
            return (
                f"The values are right, but their order is {', '.join(order)}; expected {', '.join(names)}."
            )
    return ""


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
    return ", ".join(
        f"{name} of shape {value.shape}" if isinstance(value, np.ndarray) else f"{name} = {numbers(value)}"
        for name, value in probe.items()
    )
