"""Lesson 02, normalize: its exercises and their mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..answers import OddAnswer, as_array, unpacked
from ..checking import Check
from .normalizing import IN_ROOT, IN_VARIANCE, IN_X_HAT, OF_COLUMNS, PER_SAMPLE


def standardize(x, eps):
    n = len(x)
    mean = x.mean(axis=0)
    sum_of_squares = ((x - mean) ** 2).sum(axis=0)
    var = sum_of_squares / n
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * inv_std
    return x_hat


def probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read; two off center; one that varies less than ε; one as wide as long."""
    read = {"x": np.array([[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]]), "eps": 0.5}
    wide = {"x": rng.normal(3, [0.5, 1, 2, 4], size=(6, 4)), "eps": 0.1}
    long = {"x": rng.normal(-5, 2, size=(9, 3)), "eps": 1e-5}
    small = {"x": rng.normal(0.02, 0.003, size=(5, 3)), "eps": 0.01}
    square = {"x": rng.normal(2, [1, 2, 3, 4], size=(4, 4)), "eps": 0.2}
    return [read, wide, long, small, square]


def hard_probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Mean 3000 standard deviations off, in float32."""
    return [{"x": rng.normal(3000, 1, size=(64, 3)).astype(np.float32), "eps": 1e-5}]


def largest_x_hat_batch(n):
    batch = np.arange(n) == 0
    return batch


STANDING_OUT = """
    half_and_half: half of the values are at one end and half at the other
        batch = np.arange(n) < n // 2
        | That gives the batch a large spread, and x_hat divides by the spread. Then every |x_hat| is about 1:
        | none stands out. Let one value stand out, and make all the others equal.

    evenly_spaced: the values are evenly spaced
        batch = np.arange(n)
        | However far apart the values are: x_hat divides by their spread. For evenly spaced values the
        | largest |x_hat| stays below √3. Let one value stand out, and make all the others equal.

    two_extremes: two values stand out, one on each side
        batch = np.r_[-1, 1, np.zeros(n - 2)]
        | The two share the spread, so neither gets as far as one alone: √(n / 2) and not √(n − 1).

    all_equal: all values are equal
        batch = np.zeros(n)
        | Then none differs from the mean, and every x_hat is 0. Change one value, and leave the others equal.
"""


def largest_in(batch: np.ndarray) -> float:
    """The largest |x̂| of a batch, with an ε too small to matter: 0 when all its values are equal."""
    batch = batch.astype(float).ravel()
    largest = np.abs(batch).max(initial=0)
    if largest == 0:
        return 0.0
    centered = batch / largest - np.mean(batch / largest)
    std = np.sqrt(np.mean(centered**2))
    return np.abs(centered).max() / std if std > 1e-12 else 0.0


def measure_batch(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """What counts is the batch that is returned: how many values it has, and how large one |x̂| gets."""
    batch = as_array("batch", unpacked(("batch",), answer(inputs["n"]))[0])
    if batch.ndim == 0:
        raise OddAnswer(f"Your function returns the number {batch}, expected a batch: an array of n values.")
    if not np.isfinite(batch).all():
        raise OddAnswer("The batch has values that are infinite or NaN.")
    yield "number_of_values", batch.size
    yield "largest_x_hat", largest_in(batch)


def gradient_after_rescaling(dw, a):
    new_dw = dw / a
    return new_dw


def rescalings(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Gradients to read; then random ones, with factors below and above 1; one as wide as it is long."""
    read = {"dw": np.array([[4.0, 1.0], [-2.0, 3.0], [6.0, 0.0]]), "a": np.array([10.0, 0.5])}
    sizes = ((5, 3), (3, 6), (4, 4))
    return [read, *({"dw": rng.normal(size=(d, c)), "a": rng.uniform(0.2, 5, c)} for d, c in sizes)]


RESCALED = """
    gradient_unchanged: the gradient is left as it was
        new_dw = dw
        | The output does not change, but its slope along the weights does: longer weights must move farther
        | for the same change of the output. Solve a · L'(a·w) = L'(w) for the new gradient.

    gradient_grows: the gradient is multiplied by a
        new_dw = dw * a
        | Larger weights do not make the gradient larger here. The same change of the output needs a step a
        | times as long, so the slope is a times smaller.
"""

EXERCISES = [
    Check(
        standardize,
        probes,
        hard_probes=hard_probes,
        hints=(
            "Three lines are enough: the mean of each column, its variance, and the formula. Which axis is "
            "the one that disappears?",
            "`eps` joins the variance. Where is the root taken: before or after that?",
            "`x.mean(axis=0)`, and the same for the variance. Below the line stands `np.sqrt(var + eps)`; "
            "above it `x - mean`, in brackets.",
        ),
        lesson=("02_normalize", "Subtract, divide"),
        mistakes=(IN_VARIANCE, OF_COLUMNS, PER_SAMPLE, IN_ROOT, IN_X_HAT),
    ),
    Check(
        largest_x_hat_batch,
        lambda rng: [{"n": n} for n in (5, 2, 10, 17, int(rng.integers(20, 60)))],
        trial=measure_batch,
        hints=(
            "To be far from the mean is easy: take a large value. But it makes the standard deviation large "
            "as well. What can the others do to keep that small?",
            "Read step 2 of the proof in the lesson. When are the squares of the others as small as they can "
            "be?",
            "One value is different. All the others are equal.",
        ),
        lesson=("02_normalize", "How large can it get?"),
        mistakes=(STANDING_OUT,),
        has_slips=False,
    ),
    Check(
        gradient_after_rescaling,
        rescalings,
        hints=(
            "To change the output by the same amount, must weights that are 10 times as long move farther, "
            "or less far?",
            "For one unit: L(a·w) = L(w) for every w. Differentiate both sides by w.",
            "a · L′(a·w) = L′(w). Solve for L′(a·w), and do it for each column: with which axis does NumPy "
            "line up `a` by itself?",
        ),
        lesson=("02_normalize", '"The scale of the weights does not matter"'),
        mistakes=(RESCALED,),
    ),
]
