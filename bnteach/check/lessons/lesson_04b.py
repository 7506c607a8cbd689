"""Lesson 04b, train with your own backward pass: its exercises and their mistakes."""

from typing import Any

from ..answers import OddAnswer
from ..recipe import recipe_of
from ..running import Probe
from .backward import batch_norm_backward
from .first_fault import Facts, judged_by
from .gradient_checking import backward_by
from .one_change import one_change

NO_MEAN, NO_VARIANCE = {"along_mean": "0 * dx_hat"}, {"along_x_hat": "0 * x_hat"}
LINES = {"nothing": {}, "mean": NO_MEAN, "variance": NO_VARIANCE, "both": NO_MEAN | NO_VARIANCE}
PASSES = {missing: recipe_of(batch_norm_backward).with_lines(lines) for missing, lines in LINES.items()}
CALLED = "Missing is {}, and your function returns {}."
MISJUDGED = """
    right_one_accused: of a right backward pass it says that a path is missing
        | Rounding leaves a little of both sums, and ε more of the second. Call 0 what is below 0.01.

    paths_swapped: the names of the two paths are swapped
        | The path through the mean makes the sum of dx 0, the path through the variance the sum of dx · x̂.

    path_not_seen: that a path is missing is not seen
        | Then the sum of dx, or of dx · x̂, is not 0. It may be negative: take abs of it, channel by channel.
        | And dy must have a part along 1 and along x̂. Ones have none: draw it at random, for eight samples.

    mean_path_seen_twice: where the path through the mean is missing, it says "both"
        | Then your second number is not made with x̂: x itself has a part along 1. Subtract its mean first.
"""


def facts(answer: Any, inputs: Probe) -> Facts:
    found = {missing: answer(backward_by(PASSES[missing], inputs["eps"])) for missing in LINES}
    if odd := [name for name in found.values() if not isinstance(name, str) or name not in LINES]:
        raise OddAnswer(f"Your function returns {odd[0]!r}, expected one of {', '.join(map(repr, LINES))}.")
    yield "right_one_accused", found["nothing"] == "nothing"
    yield "paths_swapped", (found["mean"], found["variance"]) != ("variance", "mean")
    is_one_seen = "nothing" not in (found["mean"], found["variance"])
    yield "path_not_seen", is_one_seen and found["both"] not in ("mean", "variance")
    yield "mean_path_seen_twice", found["mean"] != "both"
    yield from ((CALLED.format(missing, name), missing == name) for missing, name in found.items())


USUAL = {"shift": 0.04, "momentum": 0.1, "batch_size": 60}
CHANGED = {"shift": 0.08, "momentum": 0.5, "batch_size": 600}


def not_to_choose(**given: float) -> str:
    """What is neither usual nor in the list of the exercise, if anything is."""
    odd = [name for name, value in given.items() if value not in (USUAL[name], CHANGED[name])]
    return "; ".join(f"{name} is {given[name]}, expected {USUAL[name]} or {CHANGED[name]}" for name in odd)


EXERCISES = [
    judged_by(
        facts,
        MISJUDGED,
        others=(CALLED.format(missing, name) for missing in LINES for name in LINES),
        probes=lambda rng: [{"eps": eps} for eps in (1e-5, *rng.uniform(1e-5, 1e-4, size=2))],
        name="missing_path",
        takes=("backward",),
        hints="""What do the two paths take out of dx? (Lesson 04: along which two directions is a right \
        dx 0?)
        Draw `dy` at random: ones have no part along x̂. How small is 0, with rounding and ε?
        For each channel, `abs(dx.sum(axis=0))` and `abs((dx * x_hat).sum(axis=0))`: above 0.01 or not?""",
        lesson=("04_derive_the_backward_pass", "The formula is a picture"),
    ),
    one_change(
        "distance",
        USUAL,
        name="effect_on_distance",
        such_as="shift=0.08",
        lesson=("04b_train_with_your_own", "The running averages come too late"),
        refused=not_to_choose,
    ),
]
