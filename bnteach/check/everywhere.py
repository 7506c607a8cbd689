"""Mistakes of every exercise, which show in other ways than by a line that is wrong."""

from __future__ import annotations

import inspect
from typing import Any

from .comparing import agree, same
from .exercise import Exercise
from .mistakes import Mistake
from .running import Observed, Probe, Runs, Values

INPUT_MODIFIED = Mistake(
    "input_modified",
    "an input is changed in place",
    {},
    "`a -= b` and `a /= b` change the array itself, and it is the caller's, who may still need the old "
    "values. Write `a = a - b`, which makes a new one, or work on a copy: a.copy().",
)
DIGITS_LOST = Mistake(
    "digits_lost",
    "digits are lost: the variance is computed as E[x²] − E[x]²",
    {},
    "On paper the two formulas are the same. In float32 both terms are large and nearly equal when the mean "
    "is large, and their difference keeps few digits, or is negative. Subtract the mean first, then square: "
    "((x - mean)**2).mean(axis=0).",
    ("01_measure_a_batch", "Three ways to a variance"),
)

# Numbers that are typed where an input belongs.
USUAL = (1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 0.9, 0.99, 1.0)


def arguments_swapped(check: Exercise, answer: Any) -> Mistake | None:
    """Does the learner's function take the right arguments in another order?"""
    try:
        names = tuple(inspect.signature(answer).parameters)
    except (TypeError, ValueError):
        return None
    if names == check.takes or sorted(names) != sorted(check.takes):
        return None
    wanted = ", ".join(check.takes)
    return Mistake(
        "arguments_swapped",
        f"your function takes {', '.join(names)}, in this order",
        {},
        f"The check calls it with {wanted}: `def {check.name}({wanted}):`",
    )


def returns_swapped(check: Exercise, expected: list[Values], seen: list[Observed]) -> Mistake | None:
    """Are all values right, but returned in another order?"""
    names, order = check.recipe.returns, []
    if len(names) < 2 or not all({*names} <= run.values.keys() for run in seen):
        return None
    for name in names:
        left = [other for other in names if other not in order]
        order += [other for other in left if stands_for(name, other, expected, seen)][:1]
    if len(order) < len(names) or tuple(order) == names:
        return None
    return Mistake(
        "returns_swapped",
        f"the returned values are right, but their order is {', '.join(order)}",
        {},
        f"Whoever calls your function takes the first for {names[0]}. Write `return {', '.join(names)}`.",
    )


def stands_for(name: str, other: str, expected: list[Values], seen: list[Observed]) -> bool:
    """True when what came as one quantity has the right values of another one, on every probe."""
    return all(
        other in right and same(run.values[name], right[other])
        for run, right in zip(seen, expected, strict=True)
    )


def without_effect(check: Exercise, runs: Runs, probes: list[Probe], seen: list[Observed]) -> Mistake | None:
    """Is there one number among the inputs, such as ε, that changes nothing?"""
    numbers = [name for name, value in probes[0].items() if isinstance(value, float)]
    idle = [name for name in numbers if seen[0].values and is_idle(check, runs, probes[0], name, seen[0])]
    if len(idle) != 1:
        return None
    (name,) = idle
    return Mistake(
        f"{name}_without_effect" if is_typed_in(check, probes, name, seen) else "",
        f"changing {name} changes nothing",
        {},
        f"Your code does not use {name}, or has a number typed in its place.",
    )


def is_idle(check: Exercise, runs: Runs, probe: Probe, name: str, seen: Observed) -> bool:
    """True when another value of this input changes the right answer, and not the learner's."""
    other = {**probe, name: probe[name] / 3}
    return agree(runs.on([other])[0].values, seen.values) and not agree(
        check.expected(probe), check.expected(other)
    )


def is_typed_in(check: Exercise, probes: list[Probe], name: str, seen: list[Observed]) -> bool:
    """True when a usual number in the place of this input gives what was observed, on every probe."""
    return any(
        all(
            agree(check.expected({**probe, name: number}), run.values)
            for probe, run in zip(probes, seen, strict=True)
        )
        for number in USUAL
    )
