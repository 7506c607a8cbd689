"""Exercises that choose a setting by trainings: in their place stand results that the check knows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from inspect import Parameter, Signature
from typing import Any

import numpy as np

from ..answers import OddAnswer, unpacked
from ..running import Probe

SEEDS, ENOUGH = 10, 5


@dataclass
class Trainings:
    """Gives the result of a setting and a seed, and notes which were asked for.

    arguments: names of what a setting is made of; the seed comes last.
    results: setting -> its results; the n-th new seed, whatever its number, gets the n-th.
    """

    arguments: tuple[str, ...]
    results: dict[tuple[float, ...], np.ndarray] = field(repr=False)
    columns: dict[int, int] = field(default_factory=dict, repr=False)
    tried: dict[tuple[float, ...], set[int]] = field(default_factory=dict, repr=False)

    def __call__(self, *values: Any, **named: Any) -> float:
        *setting, seed = signature_of(*self.arguments, "seed").bind(*values, **named).args
        if (setting := tuple(setting)) not in self.results:
            known = ", ".join(map(str, self.results))
            raise OddAnswer(f"Your function tries {setting}; here there are {known}.")
        self.tried.setdefault(setting, set()).add(seed)
        column = self.columns.setdefault(seed, len(self.columns))
        return float(self.results[setting][column % SEEDS])


def signature_of(*names: str, **usual: Any) -> Signature:
    """That of a function: names of arguments, then those that have a usual value."""
    values = {**dict.fromkeys(names, Parameter.empty), **usual}
    return Signature([Parameter(n, Parameter.POSITIONAL_OR_KEYWORD, default=v) for n, v in values.items()])


def choice_of(what: str, among: str) -> Callable[..., Iterable[tuple[str, Any]]]:
    """The trial of an exercise that chooses one of several: the number of seeds, up to 5, and the choice."""

    def trial(answer: Any, inputs: Probe) -> Iterable[tuple[str, Any]]:
        (chosen,) = unpacked((what,), answer(inputs["train"], inputs[among]))
        tried = [len(seeds) for seeds in inputs["train"].tried.values()]
        yield "number of seeds", min([ENOUGH, *tried]) if tried else 0
        yield what, chosen

    return trial
