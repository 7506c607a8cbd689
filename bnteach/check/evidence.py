"""What a diagnosis stands on: for each probe what is right, and what a learner's code gave."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from typing import NamedTuple

import numpy as np

from .comparing import Values, is_reshaped, same
from .exercise import Exercise
from .running import Observed, Probe


class Run(NamedTuple):
    inputs: Probe
    right: Values
    seen: Observed


@dataclass(frozen=True)
class Evidence:
    """The runs of a learner's code, one for each probe."""

    check: Exercise
    runs: list[Run]

    @cached_property
    def names(self) -> list[str]:
        """The quantities that are expected."""
        return list(self.runs[0].right)

    def holds(self, test: Callable[..., bool], name: str, other: str = "") -> bool:
        """True when a quantity came on every probe, and each time the test of its value and the right one (or
        that of `other`) is true."""
        return all(
            name in seen.values and (other or name) in right and test(seen.values[name], right[other or name])
            for _, right, seen in self.runs
        )

    def came(self, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """The values of a quantity, and the right ones, on each probe where it came."""
        return [(seen.values[name], right[name]) for _, right, seen in self.runs if name in seen.values]

    @cached_property
    def wrong(self) -> list[str]:
        """The quantities that are wrong on one probe at least."""
        return [name for name in self.names if not all(same(*pair) for pair in self.came(name))]

    @cached_property
    def right(self) -> list[str]:
        """The quantities that came, and came out right, on every probe."""
        return [name for name in self.names if self.holds(same, name)]

    @cached_property
    def misplaced(self) -> set[str]:
        """Wrong quantities with the right numbers in another shape, or with the right values of another wrong
        one: their places may have changed."""
        swapped = {name for name, other in permutations(self.wrong, 2) if self.holds(same, name, other)}
        return swapped | {name for name in self.wrong if self.holds(is_reshaped, name)}

    @cached_property
    def modified(self) -> list[str]:
        """The inputs that the learner's code changes in place."""
        return sorted({name for run in self.runs for name in run.seen.modified})

    def is_failed(self) -> bool:
        return any(run.seen.failure for run in self.runs)

    def varies(self) -> bool:
        """False where nothing came, or one number everywhere: that is what many slips give."""
        values = [found for name in self.wrong for found, _ in self.came(name)]
        return bool(values) and all(value.size < 2 or np.ptp(value) > 1e-12 for value in values)
