"""What a wrong quantity has in common with the right one: is it a multiple, a transpose, another quantity?

Each test below says what is true of one case, in sentences. Only a sentence that is true on every probe on
which the quantity is wrong is told to the learner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .comparing import ROUNDING, off_by, same
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
            if name != self.name
            and isinstance(value, np.ndarray)
            and value.dtype.kind in "fiu"
            and value.size > 1
        }

    @property
    def axis(self) -> int:
        """The axis of the channels in an array that has as many axes as x."""
        return self.inputs.get("channel_axis", 1)

    @cached_property
    def n(self) -> int:
        """How many values a channel has; 0 when there is no batch."""
        batches = [
            value for value in self.inputs.values() if isinstance(value, np.ndarray) and value.ndim > 1
        ]
        return batches[0].size // max(1, batches[0].shape[self.axis]) if batches else 0

    def along(self, value: np.ndarray) -> np.ndarray | None:
        """A value fit for arithmetic with the right one: of its shape, or one number for each channel."""
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
    """The first thing to say about a quantity that is true in each of these cases; else how far it is off."""
    for case in cases:
        if odd := odd_shape(case) or not_finite(case):
            return odd
    with np.errstate(all="ignore"):
        return (
            in_common(plain_values, cases)
            or in_common(another_quantity, cases)
            or multiple(cases)
            or in_common(times_or_plus, cases)
            or in_common(parts_that_are_right, cases)
            or in_common(same_up_to, cases)
            or paths_of_dx(cases)
            or in_common(moments, cases)
            or how_far(cases)
        )


def in_common(test: Callable[[Case], Iterator[str]], cases: list[Case]) -> str:
    """The first sentence of a test that is true in every case; empty when there is none."""
    sentences = [list(test(case)) for case in cases]
    return next((one for one in sentences[0] if all(one in others for others in sentences)), "")


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
    return (
        f"{bad} of its {case.found.size} values {'is' if bad == 1 else 'are'} NaN or infinite."
        if bad > 0
        else ""
    )


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
    """Are some channels right and others not, or some rows?"""
    if case.right.ndim < 2:
        return
    for part, mine, wanted in (
        ("channel", case.channels(case.found), case.channels(case.right)),
        ("row", case.found.reshape(len(case.found), -1), case.right.reshape(len(case.right), -1)),
    ):
        good = [off_by(*pair) <= ROUNDING for pair in zip(mine, wanted, strict=True)]
        if sum(good) == 1 and len(good) > 1 and (good[0] or good[-1]):
            yield f"the {'first' if good[0] else 'last'} {part} is right, the others are not."
        if sum(good) == len(good) - 1 > 0 and not (good[0] and good[-1]):
            yield f"the {'last' if good[0] else 'first'} {part} is wrong, the others are right."
        if any(good) and not all(good):
            yield f"some {part}s are right, others are not."


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
        yield "in each channel all values are the same multiple of the right ones. Look at the factors."
    lines = [np.polyval(np.polyfit(b, a, 1), b) for a, b in zip(mine, wanted, strict=True)]
    if all(np.ptp(b) > 0 and same(line, a) for line, a, b in zip(lines, mine, wanted, strict=True)):
        yield (
            "in each channel the values are the right ones, stretched and shifted. Look at what is "
            "subtracted or added, and at the factors."
        )


def within_of(case: Case) -> float:
    return ROUNDING * float(np.sqrt(np.mean(case.right.astype(float) ** 2)))


def paths_of_dx(cases: list[Case]) -> str:
    """Sums of dx, and of dx·x_hat, over the batch: which path of the gradient may be missing?

    In training, dx sums to 0 in each channel. In evaluation the statistics are constants: no paths.
    """
    sums = [sums_of_dx(case) for case in cases]
    if None in sums:
        return ""
    return {
        (
            True,
            True,
        ): "its sum over the batch is not 0, and its sum times x_hat is not right either. Look at both "
        "paths, the one through the mean and the one through the variance.",
        (True, False): "its sum over the batch is not 0. Look at the path through the mean.",
        (
            False,
            True,
        ): "its sum over the batch is 0, as it should be, but its sum times x_hat is not right. Look at "
        "the path through the variance.",
        (
            False,
            False,
        ): "its sum over the batch is 0 and its sum times x_hat is right, as they should be. Both paths "
        "seem to be there. Look at the factors.",
    }[any(mean for mean, _ in sums), any(var for _, var in sums)]


def sums_of_dx(case: Case) -> tuple[bool, bool] | None:
    """Is the sum of dx wrong, and of dx·x_hat? None where the question makes no sense."""
    x_hat = case.known.get("x_hat")
    if case.name != "dx" or x_hat is None or x_hat.shape != case.right.shape:
        return None
    right, found, hat = (case.channels(value.astype(float)) for value in (case.right, case.found, x_hat))
    scale = np.sqrt(np.mean(right**2)) * right.shape[1]
    if np.abs(right.sum(axis=1)).max() > 1e-6 * scale:
        return None
    off = [np.abs(((found - right) * other).sum(axis=1)).max() > 1e-3 * scale for other in (1.0, hat)]
    return bool(off[0]), bool(off[1])


def moments(case: Case) -> Iterator[str]:
    """Are the mean and the spread of each channel right?"""
    if case.right.ndim < 2 or case.n < 3:
        return
    mine, wanted = case.channels(case.found.astype(float)), case.channels(case.right.astype(float))
    spread = np.sqrt(np.mean(wanted**2))
    right = [
        np.allclose(of(mine, axis=1), of(wanted, axis=1), rtol=0, atol=ROUNDING * spread)
        for of in (np.mean, np.std)
    ]
    if any(right):
        words = ("mean", "spread") if right[0] else ("spread", "mean")
        yield f"the {words[0]} of each channel is right" + (
            f", the {words[1]} is not."
            if not all(right)
            else ", and so is the spread, but the values are not."
        )


def how_far(cases: list[Case]) -> str:
    """How large the difference is, and how much of the array it concerns."""
    case = cases[-1]
    difference = np.abs(case.found.astype(float) - case.right)
    rms = np.sqrt(np.mean(case.right.astype(float) ** 2))
    if not difference.size or case.right.size == 1:
        mine, wanted = (float(value.ravel()[0]) for value in (case.found, case.right))
        return f"it is {mine:.4g}, expected {wanted:.4g}, with {of_inputs(case)}."
    share = np.mean(difference > ROUNDING * rms)
    largest = difference.max() / rms if rms else np.inf
    return f"{share:.0%} of its values differ, by up to {largest:.2g} times their typical size."
