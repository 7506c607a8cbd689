"""What a diagnosis stands on: for each probe what is right, and what a learner's code gave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
    """expected, seen: for each probe. known: mistakes that have words. names: those in the learner's code."""

    check: Exercise
    probes: list[Probe]
    expected: list[Values]
    seen: list[Observed]
    known: list[Mistake]
    names: set[str]

    @cached_property
    def runs(self) -> list[tuple[Probe, Values, Observed]]:
        return list(zip(self.probes, self.expected, self.seen, strict=True))

    def holds(self, test: Callable[..., bool], name: str, other: str = "") -> bool:
        """True when a quantity came on every probe, and each time the test of its value and the right one (or
        that of `other`) is true."""
        return all(
            name in run.values and (other or name) in right and test(run.values[name], right[other or name])
            for _, right, run in self.runs
        )

    @cached_property
    def wrong(self) -> list[str]:
        """The quantities that are wrong on one probe at least."""

        def is_wrong(name: str) -> bool:
            came = ((run.values[name], right[name]) for _, right, run in self.runs if name in run.values)
            return not all(same(*pair) for pair in came)

        return list(filter(is_wrong, self.expected[0]))

    @cached_property
    def right(self) -> list[str]:
        """The quantities that came, and came out right, on every probe."""
        return [name for name in self.expected[0] if self.holds(same, name)]

    @cached_property
    def misplaced(self) -> set[str]:
        """Wrong quantities that have the right values of another wrong one: their places may have changed."""
        return {name for name, other in permutations(self.wrong, 2) if self.holds(same, name, other)}

    @cached_property
    def reshaped(self) -> set[str]:
        """Wrong quantities that have the right numbers, in another shape."""
        return {name for name in self.wrong if self.holds(is_reshaped, name)}

    def is_failed(self) -> bool:
        return any(run.failure for run in self.seen)

    def varies(self) -> bool:
        """False where nothing came, or one number everywhere: that is what many slips give."""
        values = [run.values[name] for run in self.seen for name in self.wrong if name in run.values]
        return bool(values) and all(value.size < 2 or np.ptp(value) > 1e-12 for value in values)

    def of(
        self, mistakes: Iterable[Mistake], *, to_first_difference: bool = False
    ) -> Iterator[tuple[Values, Observed, Observed]]:
        """For each probe the right values, what these mistakes give, and what was observed."""
        recipe = self.check.recipe
        for mistake in mistakes:
            recipe = mistake.in_recipe(recipe)
        for probe, right, run in self.runs:
            yield right, self.check.observed_of(recipe, probe, run if to_first_difference else None), run
