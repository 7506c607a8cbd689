"""What an exercise is: the right computation in steps, inputs, hints, and how an answer is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..answers import unpacked
from ..running import Observed, Probe, Trial, Values, rehearse
from .catalogue import CATALOGUE
from .mistake import Mistake
from .recipe import Recipe


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise, as data; `Check` in checking.py judges answers to it.

    name: name of the check; also of the function or class that the learner writes.
    takes: names of the arguments of the learner's function, in order.
    recipe: the right computation, in steps.
    probes: from a random generator to a list of inputs. The first is small enough to read; the others have
        random values, off-center, with N ≥ 3 and unequal sizes.
    hard_probes: the same for float32 inputs on which right formulas lose digits.
    hints: three, the last nearly the answer.
    lesson: the lesson and section that the exercise belongs to.
    make: from a recipe to an answer as a learner might write it; how the catalogue's mistakes are run.
    trial: runs an answer on inputs and gives (name, value) pairs.
    asks_for_formula: whether a value may be called measured, where it is near the right one.
    tell: from what was observed, what is off, and why that may be, in words; where the values themselves
        would tell a learner nothing.
    """

    name: str
    takes: tuple[str, ...]
    recipe: Recipe
    probes: Callable[[np.random.Generator], list[Probe]]
    hints: tuple[str, str, str]
    lesson: tuple[str, str]
    hard_probes: Callable[[np.random.Generator], list[Probe]] | None = None
    make: Callable[[Exercise, Recipe], Any] | None = None
    trial: Callable[[Exercise], Trial] | None = None
    asks_for_formula: bool = False
    tell: Callable[[list[Observed]], tuple[str, str]] | None = None

    def is_of_class(self) -> bool:
        """True when the learner writes a class: its name begins with a capital letter."""
        return self.name[0].isupper()

    def own_trial(self) -> Trial:
        return self.trial(self) if self.trial else self.call_function

    def call_function(self, answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        """The usual trial: call the function once."""
        names = self.recipe.returns
        return zip(names, unpacked(names, answer(*(inputs[name] for name in self.takes))), strict=True)

    def answer_from(self, recipe: Recipe) -> Any:
        """A recipe as an answer that a learner might write."""
        return self.make(self, recipe) if self.make else self.function_from(recipe)

    def function_from(self, recipe: Recipe) -> Callable[..., Any]:
        def answer(*values: Any) -> Any:
            found = recipe.values(dict(zip(self.takes, values, strict=True)), recipe.returns)
            results = tuple(found[name] for name in recipe.returns)
            return results if len(results) > 1 else results[0]

        return answer

    def expected(self, probe: Probe) -> Values:
        """The right values, in float64 whatever the dtype of the probe."""
        return self.observed_of(self.recipe, in_double(probe)).values

    def observed_of(self, recipe: Recipe, probe: Probe) -> Observed:
        """What the check would observe of a learner who wrote this recipe."""
        return rehearse(self.own_trial(), self.answer_from(recipe), probe)

    def mistakes(self) -> list[Mistake]:
        """The mistakes of the catalogue that can happen here."""
        return [mistake for mistake in CATALOGUE.values() if self.name in mistake.checks]


def in_double(probe: Probe) -> Probe:
    """The probe with its floating-point arrays in float64."""
    return {
        name: value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
        for name, value in probe.items()
    }
