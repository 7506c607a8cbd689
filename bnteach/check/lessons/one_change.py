"""An experiment of one's own: two measurements that differ in one thing, the usual one first."""

from collections.abc import Callable, Collection, Hashable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..answers import OddAnswer, as_array, described, unpacked
from ..checking import Check
from ..running import Probe
from .first_fault import Facts, judged_by
from .trainings import signature_of

SEEDS = (0, 1, 2)
Tried = Mapping[str, Collection]  # setting -> the values that are not new, the usual one first
Refusal = Callable[..., str]
Names = tuple[str, str]  # of the two numbers, as the exercise calls them

NOT_COMPARABLE = """
    > 00_meet_batch_normalization: Two networks, one difference

    not_two_runs: the two numbers do not come from two different runs
        | To compare, measure twice: once as usual, once with the change. Return both numbers.

    other_seed: the two runs are not both of the seed that your function is given
        | With another seed, or another network, nobody can say what made the difference.

    nothing_usual: no run has the usual settings
        | Without the usual run there is nothing to compare the change with.

    several_changes: more than one setting differs
        | Then nobody can say which of the changes made the difference. Change one, and leave the others.

    changed_one_first: the changed run is returned first
        | Asked for is the usual run, then the changed one; so the second number would be read as the effect.
"""

NO_TRIAL = """
    not_two_runs: the two numbers do not come from one run with BN and one without
        | A claim about BN needs two numbers: one run with `batch_norm=False`, one with `batch_norm=True`.

    other_seed: the two runs have different seeds
        | The effect is a difference with the same seed. With two seeds it holds their luck too.

    seed_ignored: your seed is ignored
        | All runs are equal: 20 seeds would be one dot. Pass on the seed that your function is given, twice.

    unequal_conditions: the two runs differ in more than BN
        | Then nobody can say which of the differences made the effect. Give both runs the same settings.

    condition_of_the_lesson: no setting has a value that the lesson has not tried
        | The lesson has that answer. Change a setting, for both runs: the layers, the width, the batch.

    without_bn_first: the run without BN is returned first
        | Asked for is the run with BN, then the one without. In this order the effect has the wrong sign.
"""

NOT_TO_BE_BELIEVED = """
    > 00_meet_batch_normalization: Build it, and try five seeds

    not_reproducible: what is random does not come from the seed
        | Then nobody can repeat a run. Make every random number, and the weights, from the seed.

    seed_unused: the seed is not used in both runs
        | Then five seeds are one run, shown five times. Pass on the seed that your function is given, twice.

    nothing_changed: the two runs are the same one
        | The change does not reach the second number. Was it made on a copy, or after the measurement?
"""


class Call(NamedTuple):
    """One measurement: what must be the same in both (the seed, or the network), and what is not as usual."""

    of: Hashable
    changes: dict[str, Any]


def pair_of(answer: Any, call: Callable[..., Call], seed: int, names: Names) -> list[Call]:
    """The two calls that gave the two numbers, in their order; empty if these are not two calls."""
    calls: list[Call] = []

    def measure(*values: Any, **named: Any) -> float:
        """The number of the call: equal calls have one."""
        if (one := call(*values, **named)) not in calls:
            calls.append(one)
        return float(calls.index(one))

    found = two_numbers(answer(measure, seed), names)
    are_two = set(found) == {0.0, 1.0} and len(calls) == 2
    return [calls[int(number)] for number in found] if are_two else []


def two_numbers(value: Any, names: Names) -> tuple[float, float]:
    """What one trial returned. Raises OddAnswer for anything but two finite numbers."""
    pair = [as_array(name, number) for name, number in zip(names, unpacked(names, value), strict=True)]
    for name, number in zip(names, pair, strict=True):
        if number.ndim or not np.isfinite(number):
            given = described(number) if number.ndim else number
            raise OddAnswer(f"{name} is {given}, expected a number, one for each seed.")
    return float(pair[0]), float(pair[1])


def of_one_seed(pairs: Collection[list[Call]]) -> bool:
    """Both calls are of the seed that is given, and so of another one each time."""
    return all(a.of == b.of for a, b in pairs) and len({a.of for a, _ in pairs}) == len(pairs)


def compared(answer: Any, inputs: Probe, call: Callable[..., Call]) -> Facts:
    """A usual call and a changed one."""
    pairs = [pair_of(answer, call, seed, ("usual", "changed")) for seed in inputs["seeds"]]
    yield "not_two_runs", all(pairs)
    yield "other_seed", of_one_seed(pairs)
    changes = [(before.changes, after.changes) for before, after in pairs]
    yield "nothing_usual", all({} in pair for pair in changes)
    yield "several_changes", all(len(before) + len(after) == 1 for before, after in changes)
    yield "changed_one_first", all(before == {} for before, _ in changes)


def tried(answer: Any, inputs: Probe, call: Callable[..., Call], known: Tried) -> Facts:
    """A call with BN and one without it, else alike, under a condition that is not known yet."""
    pairs = [pair_of(answer, call, seed, ("with BN", "without BN")) for seed in inputs["seeds"]]
    conditions = [[dict(one.changes) for one in pair] for pair in pairs]
    has_bn = [[one.pop("batch_norm", True) for one in pair] for pair in conditions]
    yield "not_two_runs", all(sorted(pair) == [False, True] for pair in has_bn)
    yield "other_seed", all(a.of == b.of for a, b in pairs)
    yield "seed_ignored", of_one_seed(pairs)
    yield "unequal_conditions", all(with_bn == without_bn for with_bn, without_bn in conditions)
    yield "condition_of_the_lesson", any(v not in known[name] for name, v in conditions[0][0].items())
    yield "without_bn_first", all(first for first, _ in has_bn)


def believed(answer: Any, inputs: Probe) -> Facts:
    """Two numbers that come from the seed, differ from seed to seed, and from each other."""
    names, seeds = ("before", "after"), inputs["seeds"]
    *runs, again = [two_numbers(answer(seed), names) for seed in (*seeds, seeds[0])]
    yield "not_reproducible", again == runs[0]
    before, after = zip(*runs, strict=True)
    yield "nothing_changed", before != after
    yield "seed_unused", min(len(set(before)), len(set(after))) > 1


def with_settings(usual: Mapping[str, Any], refused: Refusal = lambda **settings: "") -> Callable[..., Call]:
    """A call with a seed and settings: the changes are those that are not as usual."""
    signature = signature_of("seed", **usual)

    def call(*values: Any, **named: Any) -> Call:
        given = signature.bind(*values, **named).arguments
        seed = given.pop("seed")
        if problem := refused(**{**usual, **given}):
            raise ValueError(problem)
        return Call(seed, {name: value for name, value in given.items() if value != usual[name]})

    return call


def judged(facts: Callable[..., Facts], text: str, **more: Any) -> Check:
    return judged_by(facts, text, probes=lambda rng: [{"seeds": SEEDS}], **more)


def one_change(
    measure: str,
    usual: Mapping[str, Any],
    such_as: str = "",
    refused: Refusal = lambda **settings: "",
    **more: Any,
) -> Check:
    """The check of an experiment `name(measure, seed)`, which calls `measure(seed, ...)` with these settings.

    such_as: a changed setting, for the last hint.
    refused: what is wrong with settings that are not to be chosen, in words.
    """
    hints = f"""An experiment compares two runs that differ in one thing. How many calls is that?
    The usual run needs the seed alone. What must be the same in the other one?
    `usual = {measure}(seed)`. The second call has one more argument, such as `{such_as}`."""
    facts = partial(compared, call=with_settings(usual, refused))
    return judged(facts, NOT_COMPARABLE, takes=(measure, "seed"), **{"hints": hints, **more})


def two_networks(measure: str, known: Tried, **more: Any) -> Check:
    """The check of a trial `name(measure, seed)`, with BN and without it."""
    usual = {"batch_norm": True, **{name: values[0] for name, values in known.items()}}
    facts = partial(tried, call=with_settings(usual), known=known)
    return judged(facts, NO_TRIAL, takes=(measure, "seed"), **more)


def measured(call: Callable[..., Call], measure: str, **more: Any) -> Check:
    """The check of an experiment on things that the learner makes from the seed. `call`: what one call is."""
    return judged(partial(compared, call=call), NOT_COMPARABLE, takes=(measure, "seed"), **more)


def experiment(**more: Any) -> Check:
    """The check of an experiment `name(seed)` of which only the two numbers are seen."""
    return judged(believed, NOT_TO_BE_BELIEVED, takes=("seed",), **more)


def weights_of(network: Any) -> bytes:
    """Tells one network from another, whatever its running statistics are."""
    return b"".join(parameter.detach().numpy().tobytes() for parameter in network.parameters())
