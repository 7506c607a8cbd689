"""An experiment with a measurement that is given: two runs of it, which differ in one setting."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..checking import Check
from .first_fault import Facts, judged_by
from .own_experiment import two_numbers

NOT_COMPARABLE = """
    > 00_meet_batch_normalization: Two networks, one difference

    not_two_runs: the experiment is not two runs, a usual one and a changed one
        fault = "not_two_runs"
        | To compare, measure twice: once as usual, once with the change.

    other_seed: the two runs do not both get the seed that your function is given
        fault = "other_seed"
        | The seed is a setting, too. With another one what is random differs as well, and you could not say
        | what made the difference.

    nothing_usual: no run has the usual settings
        fault = "nothing_usual"
        | Without the usual run there is nothing to compare the change with.

    several_changes: more than one setting differs
        fault = "several_changes"
        | Then nobody can say which of the changes made the difference. Change one, and leave the others.

    changed_one_first: the changed run is returned first
        fault = "changed_one_first"
        | Asked for is the usual run, then the changed one; so the second number would be read as the effect.
"""
SEEDS = (17, 104, 268)  # none that somebody would type


class Measurement:
    """Stands in the place of what is measured: notes the seed and the changed settings of each call."""

    def __init__(self, measure: Callable[..., Any]) -> None:
        self.measure, self.usual = measure, inspect.signature(measure)
        self.calls: list[tuple[int, dict[str, Any]]] = []

    def __call__(self, *values: Any, **named: Any) -> float:
        """The number of this call: a call that was made before has its number."""
        self.measure(*values, **named)  # may refuse
        given = dict(self.usual.bind(*values, **named).arguments)
        seed = given.pop("seed")
        call = (seed, {name: v for name, v in given.items() if v != self.usual.parameters[name].default})
        if call not in self.calls:
            self.calls.append(call)
        return float(self.calls.index(call))


def facts(answer: Any, inputs: Mapping[str, Any], stand_in: Callable[..., Any]) -> Facts:
    measure, seed = Measurement(stand_in), inputs["seed"]
    found = two_numbers(answer(measure, seed))
    seeds, changes = zip(*measure.calls, strict=True) if measure.calls else ((), ())
    yield "not_two_runs", len(changes) == 2 and set(found) == {0.0, 1.0}
    yield "other_seed", set(seeds) == {seed}
    yield "nothing_usual", {} in changes
    yield "several_changes", all(len(changed) <= 1 for changed in changes)
    yield "changed_one_first", changes[int(found[0])] == {}


def one_change(
    measure: Callable[..., float], name: str, hints: tuple[str, str, str], lesson: tuple[str, str]
) -> Check:
    """The check of an experiment `name(measure, seed)`. `measure`: a function with the arguments of
    the one that is measured with; it may refuse some, and its result is not used."""
    return judged_by(
        partial(facts, stand_in=measure),
        NOT_COMPARABLE,
        probes=lambda rng: [{"seed": seed} for seed in SEEDS],
        name=name,
        takes=(measure.__name__, "seed"),
        hints=hints,
        lesson=lesson,
    )
