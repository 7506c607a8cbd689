"""Is a wrong quantity the right one times a number, or times or plus another quantity?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..comparing import same
from .case import Case

# How a factor may depend on a number, such as n, the number of values in a channel.
OF_N: dict[str, Callable[[float], float]] = {
    "{n}": lambda n: n,
    "1/{n}": lambda n: 1 / n,
    "√{n}": lambda n: n**0.5,
    "1/√{n}": lambda n: n**-0.5,
    "{n} − 1": lambda n: n - 1,
    "1/({n} − 1)": lambda n: 1 / (n - 1),
    "{n}/({n} − 1)": lambda n: n / (n - 1),
    "({n} − 1)/{n}": lambda n: (n - 1) / n,
    "√({n}/({n} − 1))": lambda n: (n / (n - 1)) ** 0.5,
    "√(({n} − 1)/{n})": lambda n: ((n - 1) / n) ** 0.5,
}


def multiple(cases: list[Case]) -> str:
    """Is every value the same factor times the right one? A factor that depends on n is recognized."""
    factors = [factor(case) for case in cases]
    if None in factors:
        return ""
    if np.ptp(factors) <= 1e-3 * max(map(abs, factors)):
        if abs(factors[0] + 1) < 1e-3:
            return "it has the wrong sign."
        return f"every value is {factors[0]:.4g} times the right one."
    if words := of_a_number(factors, [case.n for case in cases]):
        times = f"{words.format(n='n')} times"
        return f"every value is {times} the right one, where n counts the values in a channel."
    for name in cases[0].numbers:
        if words := of_a_number(factors, [case.numbers[name] for case in cases]):
            return f"every value is {words.format(n=name)} times the right one."
    return f"it is a multiple of the right one, but the factor changes with the input: {some(factors)}."


def of_a_number(factors: list[float], numbers: list[float]) -> str:
    """How these factors depend on these numbers, one for each case; empty when in none of the known ways."""
    if len(set(numbers)) == 1 or min(numbers) <= 1:
        return ""
    for words, of_n in OF_N.items():
        if all(abs(measured / of_n(n) - 1) < 1e-3 for measured, n in zip(factors, numbers, strict=True)):
            return words
    return ""


def some(factors: list[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in factors[:3]) + ", …" * (len(factors) > 3)


def factor(case: Case) -> float | None:
    """What the right array must be multiplied with; None when no factor does it, or for a single number."""
    mine, wanted = case.found.astype(float), case.right.astype(float)
    scale = np.vdot(wanted, wanted)
    if wanted.size < 2 or not scale > 0:
        return None
    value = float(np.vdot(mine, wanted) / scale)
    return value if abs(value) > 1e-9 and same(mine, value * wanted) else None


def times_or_plus(case: Case) -> Iterator[str]:
    """Is a known quantity one factor, or one term, too many or too few?"""
    for name, value in case.known.items():
        other = case.along(value)
        if other is None:
            continue
        for words, result in (
            (f"times {name}", case.right * other),
            (f"divided by {name}", case.right / other),
            (f"plus {name}", case.right + other),
            (f"minus {name}", case.right - other),
        ):
            if same(case.found, result):
                yield f"it is the right one {words}."
