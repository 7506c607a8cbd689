"""Checks of the exercises of lesson 02."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..answers import OddAnswer, as_array, unpacked
from ..checking import Check
from ..recipe import Recipe
from ..running import Trial
from .forward_steps import NORMALIZING


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


standardize = Check(
    name="standardize",
    takes=("x", "eps"),
    recipe=Recipe(NORMALIZING, returns=("x_hat",)),
    probes=probes,
    hard_probes=hard_probes,
    hints=(
        "Three lines are enough: the mean of each column, its variance, and the formula. Which axis is "
        "the one that disappears?",
        "`eps` joins the variance. Where is the root taken: before or after that?",
        "`x.mean(axis=0)`, and the same for the variance. Below the line stands `np.sqrt(var + eps)`; "
        "above it `x - mean`, in brackets.",
    ),
    lesson=("02_normalize", "Subtract, divide"),
)


def largest_in(batch: np.ndarray) -> float:
    """The largest |x̂| of a batch, with an ε too small to matter: 0 when all its values are equal."""
    batch = batch.astype(float).ravel()
    largest = np.abs(batch).max(initial=0)
    if largest == 0:
        return 0.0
    centered = batch / largest - np.mean(batch / largest)
    std = np.sqrt(np.mean(centered**2))
    return np.abs(centered).max() / std if std > 1e-12 else 0.0


def measure_batch(check: Check) -> Trial:
    """What counts is the batch that is returned: how many values it has, and how large one |x̂| gets."""

    def measure(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        batch = as_array("batch", unpacked(("batch",), answer(inputs["n"]))[0])
        if batch.ndim == 0:
            raise OddAnswer(
                f"Your function returns the number {batch}, expected a batch: an array of n values."
            )
        if not np.isfinite(batch).all():
            raise OddAnswer("The batch has values that are infinite or NaN.")
        yield "number_of_values", batch.size
        yield "largest_x_hat", largest_in(batch)

    return measure


largest_x_hat_batch = Check(
    name="largest_x_hat_batch",
    takes=("n",),
    recipe=Recipe({"batch": lambda n: np.arange(n) == 0}, returns=("batch",)),
    probes=lambda rng: [{"n": n} for n in (5, 2, 10, 17, int(rng.integers(20, 60)))],
    hints=(
        "To be far from the mean is easy: take a large value. But it makes the standard deviation large "
        "as well. What can the others do to keep that small?",
        "Read step 2 of the proof in the lesson. When are the squares of the others as small as they can be?",
        "One value is different. All the others are equal.",
    ),
    lesson=("02_normalize", "How large can it get?"),
    trial=measure_batch,
)


def rescalings(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Gradients to read; then random ones, with factors below and above 1; one as wide as it is long."""
    read = {"dw": np.array([[4.0, 1.0], [-2.0, 3.0], [6.0, 0.0]]), "a": np.array([10.0, 0.5])}
    sizes = ((5, 3), (3, 6), (4, 4))
    return [read, *({"dw": rng.normal(size=(d, c)), "a": rng.uniform(0.2, 5, c)} for d, c in sizes)]


gradient_after_rescaling = Check(
    name="gradient_after_rescaling",
    takes=("dw", "a"),
    recipe=Recipe({"new_dw": lambda dw, a: dw / a}, returns=("new_dw",)),
    probes=rescalings,
    hints=(
        "To change the output by the same amount, must weights that are 10 times as long move farther, "
        "or less far?",
        "For one unit: L(a·w) = L(w) for every w. Differentiate both sides by w.",
        "a · L′(a·w) = L′(w). Solve for L′(a·w), and do it for each column: with which axis does NumPy "
        "line up `a` by itself?",
    ),
    lesson=("02_normalize", '"The scale of the weights does not matter"'),
)

EXERCISES = [standardize, largest_x_hat_batch, gradient_after_rescaling]
