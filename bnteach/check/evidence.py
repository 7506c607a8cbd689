"""What a diagnosis stands on: for each probe what is right, and what a learner's code gave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

import numpy as np

from .comparing import Values, is_reshaped, same
from .exercise import Exercise
from .mistakes import Mistake
from .running import Observed, Probe


@dataclass(frozen=True)
class Evidence:
    check: Exercise
    probes: list[Probe]
    expected: list[Values]
    seen: list[Observed]
    known: list[Mistake]  # those that have words of their own
    names: set[str]  # that the learner's code uses

    @cached_property
    def wrong(self) -> list[str]:
        """The quantities that are wrong on one probe at least."""
        return [name for name in self.expected[0] if not all(self.agreement(name))]

    @cached_property
    def right(self) -> list[str]:
        """The quantities that came, and came out right, on every probe."""
        came = [name for name in self.expected[0] if all(name in run.values for run in self.seen)]
        return [name for name in came if name not in self.wrong]

    def agreement(self, name: str) -> list[bool]:
        """For each probe whether the quantity is right, or has not come."""
        runs = zip(self.expected, self.seen, strict=True)
        return [name not in run.values or same(run.values[name], right[name]) for right, run in runs]

    def has_values_of(self, name: str, other: str) -> bool:
        """True when what came as one quantity has the right values of another one, on every probe."""
        runs = zip(self.expected, self.seen, strict=True)
        return all(
            {name} <= run.values.keys() and {other} <= right.keys() and same(run.values[name], right[other])
            for right, run in runs
        )

    @cached_property
    def misplaced(self) -> set[str]:
        """Wrong quantities that have the right values of another wrong one: their places may have changed."""
        pairs = permutations(self.wrong, 2)
        return {name for name, other in pairs if self.has_values_of(name, other)}

    @cached_property
    def reshaped(self) -> set[str]:
        """Wrong quantities that have the right numbers, in another shape, on every probe."""
        runs = list(zip(self.expected, self.seen, strict=True))
        return {
            name
            for name in self.wrong
            if all(name in run.values and is_reshaped(run.values[name], right[name]) for right, run in runs)
        }

    def is_failed(self) -> bool:
        return any(run.failure for run in self.seen)

    def varies(self) -> bool:
        """False where a wrong quantity is the same number everywhere: many slips together give that."""
        values = [run.values[name] for run in self.seen for name in self.wrong if name in run.values]
        return all(value.size < 2 or np.ptp(value) > 1e-12 for value in values)

    def of(
        self, mistakes: Iterable[Mistake], *, to_first_difference: bool = False
    ) -> Iterator[tuple[Values, Observed, Observed]]:
        """For each probe the right values, what these mistakes give, and what was observed."""
        recipe = self.check.recipe
        for mistake in mistakes:
            recipe = mistake.in_recipe(recipe)
        for probe, right, run in zip(self.probes, self.expected, self.seen, strict=True):
            yield right, self.check.observed_of(recipe, probe, run if to_first_difference else None), run
