"""What a wrong quantity has in common with the right one: is it a multiple, a transpose, another quantity?

Each test below says what is true of one case, in sentences. Only a sentence that is true on every probe on
which the quantity is wrong is told to the learner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..comparing import ROUNDING, off_by, same
from .case import Case, of_inputs
from .factors import multiple, times_or_plus
from .gradient_paths import paths_of_dx

MEASURED = 0.05  # what is measured on some thousand random numbers is this near


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
    return next(
        (sentence for sentence in sentences[0] if all(sentence in others for others in sentences)), ""
    )


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


def not_finite(case: Case) -> str:
    bad = int((~np.isfinite(case.found)).sum() - (~np.isfinite(case.right)).sum())
    return (
        f"{bad} of its {case.found.size} values {'is' if bad == 1 else 'are'} NaN or infinite."
        if bad > 0
        else ""
    )


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
    lines = [nearest_line(a, b) for a, b in zip(mine, wanted, strict=True)]
    if all(np.ptp(b) > 0 and same(line, a) for line, a, b in zip(lines, mine, wanted, strict=True)):
        yield (
            "in each channel the values are the right ones, stretched and shifted. Look at what is "
            "subtracted or added, and at the factors."
        )


def nearest_line(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The values slope·b + shift that come nearest to a."""
    apart = b - b.mean()
    return a.mean() + apart * np.vdot(apart, a) / np.vdot(apart, apart)


def within_of(case: Case) -> float:
    return ROUNDING * float(np.sqrt(np.mean(case.right.astype(float) ** 2)))


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


def measured(cases: list[Case]) -> str:
    """Is every value near the right one, but hardly any right, with some above and some below?"""
    found = np.concatenate([case.found.ravel() for case in cases]).astype(float)
    right = np.concatenate([case.right.ravel() for case in cases]).astype(float)
    with np.errstate(all="ignore"):
        apart = found / right - 1
    if not np.abs(apart).max() < MEASURED or not 0.1 < np.mean(apart > 0) < 0.9:
        return ""
    if np.array_equal(found, np.round(found, 3)):
        return " It looks rounded."
    if len(apart) < 10 or not np.median(np.abs(apart)) > 1e-3:
        return ""
    return " It looks measured, not computed: a formula is asked for."


def how_far(cases: list[Case]) -> str:
    """How much of the array differs, and where it differs most, in the case that is shown as an example."""
    case = cases[0]
    mine, wanted = (value.astype(float).ravel() for value in (case.found, case.right))
    worst = int(np.abs(mine - wanted).argmax())
    apart = f"{mine[worst]:.4g}, expected {wanted[worst]:.4g}"
    if mine.size == 1:
        return f"it is {apart}, with {of_inputs(case)}."
    share = np.mean(np.abs(mine - wanted) > ROUNDING * np.sqrt(np.mean(wanted**2)))
    return f"{share:.0%} of its values differ. The farthest off is {apart}."
