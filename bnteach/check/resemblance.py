"""What a wrong quantity has in common with the right one: its shape, a factor, a shift, a path.

Said is only what is true on every probe on which the quantity is wrong.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .comparing import ROUNDING, Values, is_reshaped, same
from .example import grouped
from .recipe import Recipe
from .running import Probe

# Steps of recipes as the lessons name them.
STEPS = {"mean": "the mean", "var": "the variance", "inv_std": "1/√(σ² + ε)"}
STEPS |= {name: name for name in ("x_hat", "dx_hat")}
# How a factor may depend on a number, such as n, the number of values in a channel.
OF_A_NUMBER: dict[str, Callable[[float], float]] = {
    "{0}": lambda n: n,
    "1/{0}": lambda n: 1 / n,
    "√{0}": lambda n: n**0.5,
    "1/√{0}": lambda n: n**-0.5,
    "{0}/({0} − 1)": lambda n: n / (n - 1),
    "({0} − 1)/{0}": lambda n: (n - 1) / n,
}
# Is the sum of dx wrong, and that of dx·x_hat? -> where to look.
LOOK = {
    (True, True): "Look at both paths, the one through the mean and the one through the variance.",
    (True, False): "Look at the path through the mean.",
    (False, True): "Look at the path through the variance.",
    (False, False): "Both paths seem to be there. Look at the factors.",
}
NUMBERS = (int, float, np.number, np.ndarray)


@dataclass(frozen=True)
class Case:
    """One quantity on one probe, with all that it can be compared with."""

    name: str
    inputs: Probe
    expected: Values
    right: np.ndarray
    found: np.ndarray
    recipe: Recipe

    @cached_property
    def known(self) -> dict[str, np.ndarray]:
        """What the learner knows by name: inputs, results, and steps on the way."""
        steps = {}
        for step, words in STEPS.items():
            try:
                steps[words] = self.recipe.values(self.inputs, [step])[step]
            except Exception:  # a step that needs what this probe does not give
                continue
        known = {**self.inputs, **self.expected, **steps}
        return {
            name: np.asarray(value)
            for name, value in known.items()
            if name != self.name and isinstance(value, NUMBERS) and np.asarray(value).dtype.kind in "fiu"
        }

    @property
    def axis(self) -> int:
        """The axis of the channels."""
        return self.inputs.get("channel_axis", 1)

    @property
    def n(self) -> float:
        """How many values a channel has; 0 when there is no batch."""
        batch = next((value for value in self.inputs.values() if np.ndim(value) > 1), None)
        return 0 if batch is None else batch.size / max(1, batch.shape[self.axis])

    def channels(self, value: np.ndarray) -> np.ndarray:
        """A row for each channel."""
        return np.moveaxis(value, self.axis, 0).reshape(value.shape[self.axis], -1)


def about(cases: list[Case]) -> str:
    """The first thing to say about a quantity that is true in each of these cases; else how far it is off."""
    with np.errstate(all="ignore"):
        odd = (words for case in cases for test in (odd_shape, not_finite) if (words := test(case)))
        common = (words for test in COMMON if (words := in_common(test, cases)))
        return next(odd, "") or next(common, "") or how_far(cases[0])


def in_common(test: Callable[[Case], Iterator[str]], cases: list[Case]) -> str:
    """The first sentence of a test that is true in every case; empty when there is none."""
    first, *others = [list(test(case)) for case in cases]
    return next((words for words in first if all(words in more for more in others)), "")


def odd_shape(case: Case) -> str:
    """What is odd about the shape; empty when nothing is."""
    mine, wanted = case.found, case.right
    if mine.shape == wanted.shape:
        return ""
    of_inputs = ", ".join(grouped(case.inputs)) or "this input"
    words = f"it has shape {mine.shape}, expected {wanted.shape} for {of_inputs}."
    if mine.T.shape == wanted.shape and same(mine.T, wanted):
        return f"{words} It is the transpose of the right array."
    if is_reshaped(mine, wanted):
        return f"{words} The numbers are right: only the shape is not."
    equal = [f" It equals {name}." for name, value in case.known.items() if value.ndim and same(mine, value)]
    return words + "".join(equal[:1])


def not_finite(case: Case) -> str:
    bad = int((~np.isfinite(case.found)).sum() - (~np.isfinite(case.right)).sum())
    are = "is" if bad == 1 else "are"
    return f"{bad} of its {case.found.size} values {are} NaN or infinite." if bad > 0 else ""


def whole(case: Case) -> Iterator[str]:
    """Is it one number everywhere, or another quantity of the same computation?"""
    if not case.found.any():
        yield "every value is 0."
    if case.found.size > 1 and np.ptp(case.found) == 0:
        yield "all its values are the same number."
    for name, value in case.known.items():
        if value.size > 1 and same(case.found, value):
            yield f"it equals {name}."


def multiple(case: Case) -> Iterator[str]:
    """Is every value the same factor times the right one? One that depends on a number is recognized."""
    mine, wanted = case.found, case.right
    factor = float(np.vdot(mine, wanted) / max(np.vdot(wanted, wanted), 1e-300))
    if wanted.size < 2 or abs(factor) < 1e-9 or not same(mine, factor * wanted):
        return
    yield f"every value is {factor:.6g} times the right one."
    numbers = {"n": case.n, **{name: float(value) for name, value in case.known.items() if value.ndim == 0}}
    for name, number in numbers.items():
        for words, of_number in OF_A_NUMBER.items():
            if number > 1 and abs(factor / of_number(number) - 1) < 1e-3:
                where = ", where n counts the values in a channel" * (name == "n")
                yield f"every value is {words.format(name)} times the right one{where}."
    yield "it is a multiple of the right one, but the factor changes with the input."


def by_channel(case: Case) -> Iterator[str]:
    """Is it right but for a shift or a factor in each channel, or in all values where there are none?"""
    where, found, right = "", case.found[None], case.right[None]
    if case.right.ndim > 1:
        where, found, right = "in each channel ", case.channels(case.found), case.channels(case.right)
    pairs = list(zip(found, right, strict=True))
    if any(b.size < 3 or np.ptp(b) == 0 for _, b in pairs):
        return
    if all(same(a - a.mean() + b.mean(), b) for a, b in pairs):
        yield f"{where}all values are off by the same amount. Look at what is subtracted or added."
    if all(same(a, b * np.vdot(a, b) / np.vdot(b, b)) for a, b in pairs):
        yield f"{where}all values are the same multiple of the right ones. Look at the factors."


def paths_of_dx(case: Case) -> Iterator[str]:
    """Sums of dx, and of dx·x_hat, over the batch: which path of the gradient may be missing in training?"""
    x_hat = case.known.get("x_hat")
    if case.name != "dx" or x_hat is None or x_hat.shape != case.right.shape:
        return
    right, off, hat = map(case.channels, (case.right, case.found - case.right, x_hat))
    scale = np.sqrt(np.mean(right**2)) * right.shape[1]
    if np.abs(right.sum(axis=1)).max() < 1e-6 * scale:
        mean, var = (bool(np.abs((off * other).sum(axis=1)).max() > 1e-3 * scale) for other in (1.0, hat))
        yield (
            f"its sum is {'not ' * mean}0, and its sum times x_hat is {'not ' * var}right. {LOOK[mean, var]}"
        )


COMMON = (whole, multiple, by_channel, paths_of_dx)


def how_far(case: Case) -> str:
    """How much of the array differs, and where it differs most."""
    mine, wanted = (value.ravel() for value in (case.found, case.right))
    apart = np.abs(mine - wanted)
    worst = f"{mine[apart.argmax()]:.4g}, expected {wanted[apart.argmax()]:.4g}"
    if mine.size == 1:
        return f"it is {worst}, with {', '.join(grouped(case.inputs)) or 'this input'}."
    share = np.mean(apart > ROUNDING * np.sqrt(np.mean(wanted**2)))
    return f"{share:.0%} of its values differ. The farthest off is {worst}."
