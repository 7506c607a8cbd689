"""A comparison with a measurement that is given: two runs under one condition, with BN and without."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from ..checking import Check
from .first_fault import Facts, judged_by
from .one_change import SEEDS, Measurement
from .own_experiment import two_numbers

NO_TRIAL = """
    > 07_put_the_claims_on_trial: How a claim is tried

    not_two_runs: the trial is not two runs, one of which has BN
        fault = "not_two_runs"
        | A claim about BN needs two numbers: one run with `batch_norm=False`, one with `batch_norm=True`.

    other_seed: the two runs do not both get the seed that your function is given
        fault = "other_seed"
        | The effect is a difference of two networks with the same seed.
        | With two seeds it holds their luck too.

    unequal_conditions: the two runs differ in more than BN
        fault = "unequal_conditions"
        | Then nobody can say which of the differences made the effect. Give both runs the same settings.

    condition_of_the_lesson: no setting has a value that the lesson has not tried
        fault = "condition_of_the_lesson"
        | The lesson has the answer already.
        | Change a setting, for both runs: the layers, the width, the batch.

    with_bn_first: the run with BN is returned first
        fault = "with_bn_first"
        | Asked for is the run without BN, then the one with BN. In this order the effect has the wrong sign.
"""


def facts(
    answer: Any,
    inputs: Mapping[str, Any],
    stand_in: Callable[..., Any],
    tried: Mapping[str, Collection],
) -> Facts:
    measure, seed = Measurement(stand_in), inputs["seed"]
    found = two_numbers(answer(measure, seed))
    seeds, changes = zip(*measure.calls, strict=True) if measure.calls else ((), ())
    has_bn = [bool(changed.get("batch_norm", True)) for changed in changes]
    yield "not_two_runs", sorted(has_bn) == [False, True] and set(found) == {0.0, 1.0}
    yield "other_seed", set(seeds) == {seed}
    without, with_bn = ({k: v for k, v in c.items() if k != "batch_norm"} for c in changes)
    yield "unequal_conditions", without == with_bn
    yield "condition_of_the_lesson", any(value not in tried[name] for name, value in with_bn.items())
    yield "with_bn_first", not has_bn[int(found[0])]


def two_networks(
    measure: Callable[..., float],
    tried: Mapping[str, Collection],
    name: str,
    hints: tuple[str, str, str],
    lesson: tuple[str, str],
) -> Check:
    """The check of a trial `name(measure, seed)`, without BN and with it.

    measure: a function like the one that is measured with, for its arguments alone.
    tried: setting -> the values that are not new.
    """
    return judged_by(
        partial(facts, stand_in=measure, tried=tried),
        NO_TRIAL,
        probes=lambda rng: [{"seed": seed} for seed in SEEDS],
        name=name,
        takes=(measure.__name__, "seed"),
        hints=hints,
        lesson=lesson,
    )
