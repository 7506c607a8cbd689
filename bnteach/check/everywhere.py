"""Mistakes of every exercise, which show in other ways than by a line that is wrong."""

from __future__ import annotations

import inspect
from typing import Any

from .comparing import agree, same
from .evidence import Evidence
from .exercise import Exercise
from .mistakes import Mistake
from .running import Runs

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
    "is large, and their difference keeps few digits, or is negative. Make the values small before you "
    "square them: subtract the mean, or, where it is not known yet, one of the values.",
    ("deeper/which_variance_survives_float32", "Three ways to a variance"),
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
    title, wanted = f"your function takes {', '.join(names)}, in this order", ", ".join(check.takes)
    words = f"The check calls it with {wanted}: `def {check.name}({wanted}):`"
    return Mistake("arguments_swapped", title, {}, words)


def returns_swapped(evidence: Evidence) -> Mistake | None:
    """Are all values right, but returned in another order?"""
    names, order = evidence.check.recipe.returns, []
    for name in names:
        left = (other for other in names if other not in order)
        order += [other for other in left if evidence.holds(same, name, other)][:1]
    if len(names) < 2 or len(order) < len(names) or tuple(order) == names:
        return None
    title = f"the returned values are right, but their order is {', '.join(order)}"
    words = f"Whoever calls your function takes the first for {names[0]}. Write `return {', '.join(names)}`."
    return Mistake("returns_swapped", title, {}, words)


def without_effect(evidence: Evidence, runs: Runs) -> Mistake | None:
    """Is there one number among the inputs, such as ε, that changes nothing? Without a key where no usual
    number in its place explains the answer."""
    numbers = [name for name, value in evidence.runs[0].inputs.items() if isinstance(value, float)]
    idle = [name for name in numbers if is_idle(evidence, runs, name)]
    if len(idle) != 1:
        return None
    (name,) = idle
    key = f"{name}_without_effect" if is_typed_in(evidence, name) else ""
    words = f"Your code does not use {name}, or has a number typed in its place."
    return Mistake(key, f"changing {name} changes nothing", {}, words)


def is_idle(evidence: Evidence, runs: Runs, name: str) -> bool:
    """True when another value of this input changes the right answer, and not the learner's."""
    inputs, right, seen = evidence.runs[0]
    other = {**inputs, name: inputs[name] / 3}
    matters = not agree(right, evidence.check.run_with(other).values)
    return bool(seen.values) and matters and agree(runs.on([other])[0].values, seen.values)


def is_typed_in(evidence: Evidence, name: str) -> bool:
    """True when a usual number in the place of this input gives what was observed, on every probe."""
    right = evidence.check.run_with
    return any(
        all(agree(right(inputs, **{name: number}).values, seen.values) for inputs, _, seen in evidence.runs)
        for number in USUAL
    )
