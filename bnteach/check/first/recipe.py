"""A computation written as named steps. Replace one step, and you have a wrong implementation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

Step = Callable[..., Any]


@dataclass(frozen=True)
class Recipe:
    """Named steps; the names of a step's arguments say which values it needs.

    A value is worked out when it is asked for, so the order of the steps does not matter.

    steps: name of a value -> function that computes it from other values or from the inputs.
    returns: names of the values that the answer returns, in order.

    >>> area = Recipe({"area": lambda width, height: width * height}, returns=("area",))
    >>> area.values({"width": 2, "height": 3}, ["area"])
    {'area': 6}
    >>> wrong = area.replace({"area": lambda width, height: width + height})
    >>> wrong.values({"width": 2, "height": 3}, ["area"])
    {'area': 5}
    """

    steps: Mapping[str, Step]
    returns: tuple[str, ...]

    def replace(self, steps: Mapping[str, Step], returns: tuple[str, ...] | None = None) -> Recipe:
        """The same recipe with other functions for some of its steps.

        Raises KeyError when a replaced step is not in the recipe: the mistake could never show.
        """
        unknown = set(steps) - set(self.steps)
        if unknown:
            raise KeyError(f"the recipe has no step {sorted(unknown)}; it has {sorted(self.steps)}")
        return Recipe({**self.steps, **steps}, returns or self.returns)

    def values(self, inputs: Mapping[str, Any], names: list[str] | tuple[str, ...]) -> dict[str, Any]:
        """The named values, worked out from the inputs. Raises KeyError for a value that nothing computes."""
        known = dict(inputs)

        def value(name: str) -> Any:
            if name not in known:
                step = self.steps[name]
                known[name] = step(*(value(needed) for needed in arguments(step)))
            return known[name]

        return {name: value(name) for name in names}


@cache
def arguments(step: Step) -> tuple[str, ...]:
    """The names of a step's arguments, in order."""
    return tuple(inspect.signature(step).parameters)
