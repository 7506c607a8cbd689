"""One quantity on one probe, with all that it can be compared with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..comparing import same
from ..running import Probe, Values
from .recipe import Recipe

# Steps of recipes that the lessons name too, as the lessons name them.
TAUGHT = {
    "mean": "the mean",
    "var": "the variance",
    "inv_std": "1/√(σ² + ε)",
    "centered": "x − mean",
    "x_hat": "x_hat",
    "dx_hat": "dx_hat",
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

    @cached_property
    def numbers(self) -> dict[str, float]:
        """The single numbers among inputs and results, by name."""
        known = {**self.inputs, **self.expected}
        return {
            name: float(value) for name, value in known.items() if np.ndim(value) == 0 and name != self.name
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


def of_inputs(case: Case) -> str:
    return ", ".join(grouped(case.inputs)) or "this input"


def grouped(probe: Probe) -> list[str]:
    """The arrays of a probe with their shapes; those of one shape together.

    >>> grouped({"x": np.zeros((3, 2)), "gamma": np.ones(2), "beta": np.ones(2)})
    ['x of shape (3, 2)', 'gamma and beta of shape (2,)']
    """
    names: dict[tuple[int, ...], list[str]] = {}
    for name, value in probe.items():
        if isinstance(value, np.ndarray):
            names.setdefault(value.shape, []).append(name)
    return [f"{listed(together)} of shape {shape}" for shape, together in names.items()]


def listed(names: list[str]) -> str:
    """Names in a sentence.

    >>> listed(["dx", "dgamma", "dbeta"])
    'dx, dgamma and dbeta'
    """
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
