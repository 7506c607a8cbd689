"""Mistakes of every exercise, which show in other ways than by a line that is wrong."""

import inspect
from typing import Any

from .comparing import agree, same
from .evidence import Evidence
from .exercise import Exercise
from .mistakes import Mistake

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
USUAL = [digit * 10.0**power for power in range(-12, 0) for digit in range(1, 10)] + [0.95, 0.99, 1.0]


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


def without_effect(evidence: Evidence) -> Mistake | None:
    """Does one number among the inputs, such as ε, change nothing, since a number is typed in its place?"""
    numbers = [name for name, value in evidence.runs[0].inputs.items() if isinstance(value, float)]
    typed = [name for name in numbers if any(is_typed(evidence, name, number) for number in USUAL)]
    if len(typed) != 1:
        return None
    words = f"Your code does not use {typed[0]}, or has a number typed in its place."
    return Mistake(f"{typed[0]}_without_effect", f"changing {typed[0]} changes nothing", {}, words)


def is_typed(evidence: Evidence, name: str, number: float) -> bool:
    """True when this number in the place of the input gives what was observed, on every probe."""
    right = evidence.check.run_with
    return all(agree(right(run.inputs, **{name: number}).values, run.seen.values) for run in evidence.runs)
