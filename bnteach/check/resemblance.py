"""What a wrong quantity has in common with the right one: is it a multiple, a transpose, another quantity?

Each test below says what is true of one case, in sentences. Only a sentence that is true on every probe on
which the quantity is wrong is told to the learner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .comparing import off_by, same
from .recipe import Recipe
from .running import Probe, Values

# Steps of recipes that the lessons name too, as the lessons name them.
TAUGHT = {
    "mean": "the mean",
    "var": "the variance",
    "inv_std": "1/√(σ² + ε)",
    "centred": "x − mean",
    "x_hat": "x_hat",
    "dx_hat": "dx_hat",
}
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


@dataclass(frozen=True)
class Case:
    """One quantity on one probe."""

    name: str
    inputs: Probe
    expected: Values
    observed: Values
    recipe: Recipe

    @property
    def found(self) -> np.ndarray:
        return self.observed[self.name]

    @property
    def right(self) -> np.ndarray:
        return self.expected[self.name]

    @cached_property
    def is_right(self) -> bool:
        return same(self.found, self.right)

    @cached_property
    def known(self) -> dict[str, np.ndarray]:
        """Other arrays that the learner knows by name: inputs, results, and steps on the way."""
        steps = {}
        for step, words in TAUGHT.items():
            try:
                steps[words] = self.recipe.values(self.inputs, [step])[step]
            except Exception:  # a step that needs what this probe does not give
                continue
        known = {**self.inputs, **self.expected, **steps}
        return {
            name: value
            for name, value in known.items()
            if name != self.name and isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.size > 1
        }

    @property
    def axis(self) -> int:
        """The axis of the channels in an array that has as many axes as x."""
        return self.inputs.get("channel_axis", 1)

    @cached_property
    def n(self) -> int:
        """How many values a channel has; 0 when there is no batch."""
        batches = [value for value in self.inputs.values() if isinstance(value, np.ndarray) and value.ndim > 1]
        return batches[0].size // max(1, batches[0].shape[self.axis]) if batches else 0

    def along(self, value: np.ndarray) -> np.ndarray | None:
        """A value fit for arithmetic with the right one: of the same shape, or one number for each channel."""
        if value.shape == self.right.shape:
            return value
        if value.ndim == 1 and self.right.ndim > 1 and len(value) == self.right.shape[self.axis]:
            shape = [1] * self.right.ndim
            shape[self.axis] = -1
            return value.reshape(shape)
        return None

    def channels(self, value: np.ndarray) -> np.ndarray:
        """A row for each channel."""
        return np.moveaxis(value, self.axis if value.ndim > 1 else 0, 0).reshape(value.shape[self.axis], -1)


def about(cases: list[Case]) -> str:
    """The first thing that can be said about a quantity, true in each of these cases; else how far it is off."""
    for case in cases:
        if odd := odd_shape(case) or not_finite(case):
            return odd
    with np.errstate(all="ignore"):
        if found := multiple(cases):
            return found
        for test in (plain_values, another_quantity, times_or_plus, parts_that_are_right, same_up_to, paths_of_dx):
            sentences = [list(test(case)) for case in cases]
            common = [one for one in sentences[0] if all(one in others for others in sentences)]
            if common:
                return common[0]
        return how_far(cases)


def odd_shape(case: Case) -> str:
    """What is odd about the shape; empty when nothing is."""
    mine, wanted = case.found, case.right
    if mine.shape == wanted.shape:
        return ""
    words = f"it has shape {mine.shape}, expected {wanted.shape} for {of_inputs(case)}."
    if mine.T.shape == wanted.shape and same(mine.T, wanted):
        return f"{words} It is the transpose of the right array."
    if mine.size == wanted.size and same(mine.reshape(wanted.shape), wanted):
        return f"{words} The numbers are right: only the shape is not."
    for name, value in case.known.items():
        if same(mine, value):
            return f"{words} It equals {name}."
    return words


def of_inputs(case: Case) -> str:
    arrays = [(name, value) for name, value in case.inputs.items() if isinstance(value, np.ndarray)]
    return ", ".join(f"{name} of shape {value.shape}" for name, value in arrays) or "this input"


def not_finite(case: Case) -> str:
    bad = int((~np.isfinite(case.found)).sum() - (~np.isfinite(case.right)).sum())
    return f"{bad} of its {case.found.size} values {'is' if bad == 1 else 'are'} NaN or infinite." if bad > 0 else ""


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
                return f"every value is {words} times the right one, where n is the number of values in a channel."
    return f"every value is the same factor times the right one, but another factor for each input: {some(factors)}."


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


def plain_values(case: Case) -> Iterator[str]:
    if not case.found.any():
        yield "every value is 0."
    elif case.found.size > 1 and np.ptp(case.found.astype(float)) == 0:
        yield "all its values are the same number."


def another_quantity(case: Case) -> Iterator[str]:
    """Is it another quantity of the same computation, or the transpose?"""
    for name, value in case.known.items():
        if same(case.found, value):
            yield f"it equals {name}."
        if same(-case.found, value):
            yield f"it equals −{name}."
    if case.found.ndim > 1 and same(case.found.T, case.right):
        yield "it is the transpose of the right array."


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


def parts_that_are_right(case: Case) -> Iterator[str]:
    """Are some channels right and others not?"""
    if case.right.ndim < 2:
        return
    good = [off_by(*pair) <= 1e-4 for pair in zip(case.channels(case.found), case.channels(case.right), strict=True)]
    if good[0] and not any(good[1:]) and len(good) > 1:
        yield "the first channel is right, the others are not."
    if good[-1] and not any(good[:-1]) and len(good) > 1:
        yield "the last channel is right, the others are not."
    if any(good) and not all(good):
        yield "some channels are right, others are not."


def same_up_to(case: Case) -> Iterator[str]:
    """Is it right up to one number, or up to one number for each channel?"""
    apart = case.found.astype(float) - case.right
    if case.right.size > 2 and same(apart - apart.mean(), np.zeros_like(apart), within_of(case)):
        yield "all values are off by the same amount. Look at what is subtracted or added."
    if case.right.ndim < 2 or case.n < 3:
        return
    mine, wanted = case.channels(case.found), case.channels(case.right)
    if all(same(a - a.mean() + b.mean(), b) for a, b in zip(mine, wanted, strict=True)):
        yield "in each channel all values are off by the same amount. Look at what is subtracted or added."
    ratios = [np.vdot(a, b) / np.vdot(b, b) for a, b in zip(mine, wanted, strict=True)]
    if np.isfinite(ratios).all() and all(
        same(a, ratio * b) for a, b, ratio in zip(mine, wanted, ratios, strict=True)
    ):
        yield "in each channel every value is the same factor times the right one. Look at what is divided or multiplied."


def within_of(case: Case) -> float:
    return 1e-4 * float(np.sqrt(np.mean(case.right.astype(float) ** 2)))


def paths_of_dx(case: Case) -> Iterator[str]:
    """Sums of dx, and of dx·x_hat, over the batch: which path of the gradient may be missing?

    In training both follow from the right dx: the first is 0, the second nearly.
    """
    x_hat = case.known.get("x_hat")
    if case.name != "dx" or x_hat is None or x_hat.shape != case.right.shape:
        return
    right, found, hat = (case.channels(value.astype(float)) for value in (case.right, case.found, x_hat))
    scale = np.sqrt(np.mean(right**2)) * right.shape[1]
    if np.abs(right.sum(axis=1)).max() > 1e-6 * scale:
        return  # in evaluation the statistics are constants, and dx has no such paths
    mean_off = np.abs((found - right).sum(axis=1)).max() > 1e-3 * scale
    var_off = np.abs(((found - right) * hat).sum(axis=1)).max() > 1e-3 * scale
    yield {
        (True, True): "its sum over the batch is not 0, and its sum times x_hat is not right either. Look at both "
        "paths, the one through the mean and the one through the variance.",
        (True, False): "its sum over the batch is not 0. Look at the path through the mean.",
        (False, True): "its sum over the batch is 0, as it should be, but its sum times x_hat is not right. Look at "
        "the path through the variance.",
        (False, False): "its sum over the batch is 0 and its sum times x_hat is right, as they should be. Both paths "
        "seem to be there. Look at the factors.",
    }[mean_off, var_off]


def how_far(cases: list[Case]) -> str:
    """How large the difference is, and how much of the array it concerns."""
    case = cases[-1]
    difference = np.abs(case.found.astype(float) - case.right)
    rms = np.sqrt(np.mean(case.right.astype(float) ** 2))
    if not difference.size or case.right.size == 1:
        return f"it is {float(case.found.ravel()[0]):.4g}, expected {float(case.right.ravel()[0]):.4g}, with {of_inputs(case)}."
    share = np.mean(difference > 1e-4 * rms)
    largest = difference.max() / rms if rms else np.inf
    return f"{share:.0%} of its values differ, by up to {largest:.2g} times their typical size."
