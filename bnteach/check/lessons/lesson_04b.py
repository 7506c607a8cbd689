"""Lesson 04b, train with your own backward pass: its exercises and their mistakes."""

from typing import Any

import numpy as np

from ..answers import OddAnswer
from ..checking import Check
from ..recipe import recipe_of
from ..running import Probe
from .backward import batch_norm_backward
from .first_fault import Facts, judged_by
from .gradient_checking import backward_by

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


def shift_of_means(a, dz, rate):
    dW = a.T @ dz
    step = -rate * dW
    shift = a.mean(axis=0) @ step
    return shift


OF_SHIFT = """
    inputs_of_one_half: all inputs are taken to be 0.5
        shift = -rate * a.shape[1] * 0.25 * dz.sum(axis=0)
        | That was a reckoning for inputs from sigmoids. Here they are any numbers: use `a`.

    sum_of_dz: the sum of dz is taken times 0.5
        shift = -rate * 0.5 * dz.sum(axis=0)
        | That is the step of a weight whose input is 0.5. Here the inputs are any numbers: use `a`.

    weights_averaged: the mean step of a channel's weights is returned
        shift = step.mean(axis=0)
        | Asked for is the mean of z, not of the weights: z changes by a @ step.

    summed_over_the_batch: the changes of z are added up, not averaged
        shift = a.sum(axis=0) @ step
        | The mean of z is asked for: divide by the number of samples.

    gradient_averaged: the gradient of the weights is divided by N
        dW = a.T @ dz / len(a)
        | The step of the exercise has no such division: the loss is a mean, so dz has it already.
"""


def layers(rng: np.random.Generator) -> list[dict[str, Any]]:
    """One to read, then inputs of any mean; more inputs than samples, and fewer."""
    read = {"a": np.array([[1.0, 0.0], [3.0, 2.0]]), "dz": np.array([[1.0], [2.0]]), "rate": 0.5}
    sizes = ((6, 4, 3), (5, 9, 2), (4, 4, 4))
    return [read, *(layer(rng, *size) for size in sizes)]


def layer(rng: np.random.Generator, samples: int, inputs: int, channels: int) -> dict[str, Any]:
    a, dz = rng.normal(1, 2, size=(samples, inputs)), rng.normal(0.5, 1, size=(samples, channels))
    return {"a": a, "dz": dz, "rate": rng.uniform(0.1, 0.9)}


EXERCISES = [
    judged_by(
        facts,
        MISJUDGED,
        others=(CALLED.format(missing, name) for missing in LINES for name in LINES),
        probes=lambda rng: [{"eps": eps} for eps in (1e-5, *rng.uniform(1e-5, 1e-4, size=2))],
        name="missing_path",
        takes=("backward",),
        hints="""dgamma and dbeta are right in all four cases. What holds for a right dx, and not for every \
        dx?
        Along which two directions is a right dx 0 (lesson 04)? And has your `dy` a part along both?
        For each channel, `abs(dx.sum(axis=0))` and `abs((dx * x_hat).sum(axis=0))`: above 0.01 or not?""",
        lesson=("04_derive_the_backward_pass", "The formula is a picture"),
    ),
    Check(
        shift_of_means,
        layers,
        hints="""Call the change of the weights D. What is the new z? By how much does it differ from the old?
        z changes by a @ D. You look for the mean of this over the batch, in each column.
        Two lines: first D from `rate`, `a` and `dz`, with its sign; then the mean over `axis=0`.""",
        lesson=("04b_train_with_your_own", "What moves the mean of a channel?"),
        mistakes=(OF_SHIFT,),
    ),
]
