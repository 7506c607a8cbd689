"""Is a wrong quantity the right one times a number, or times or plus another quantity?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .case import Case
from .comparing import same

# How a factor may depend on n, the number of values in a channel.
OF_N: dict[str, Callable[[float], float]] = {
    "n": lambda n: n,
    "1/n": lambda n: 1 / n,
    "√n": lambda n: n**0.5,
    "1/√n": lambda n: n**-0.5,
    "n − 1": lambda n: n - 1,
    "1/(n − 1)": lambda n: 1 / (n - 1),
    "n/(n − 1)": lambda n: n / (n - 1),
    "(n − 1)/n": lambda n: (n - 1) / n,
    "√(n/(n − 1))": lambda n: (n / (n - 1)) ** 0.5,
    "√((n − 1)/n)": lambda n: ((n - 1) / n) ** 0.5,
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
    if len({case.n for case in cases}) > 1 and min(case.n for case in cases) > 1:
        for words, of_n in OF_N.items():
            if all(abs(one / of_n(case.n) - 1) < 1e-3 for one, case in zip(factors, cases, strict=True)):
                return f"every value is {words} times the right one, where n counts the values in a channel."
    return f"it is a multiple of the right one, but the factor changes with the input: {some(factors)}."


def some(factors: list[float]) -> str:
    return ", ".join(f"{one:.4g}" for one in factors[:3]) + ", …" * (len(factors) > 3)


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
