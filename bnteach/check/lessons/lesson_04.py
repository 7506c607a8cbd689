"""Lesson 04, derive the backward pass: its exercises and their mistakes."""

from typing import Any

import numpy as np

from ..checking import Check
from ..running import Probe
from . import gradient_checking
from .backward import BACKWARD, batch_norm_backward
from .first_fault import judged_by
from .inputs import readable
from .normalizing import IN_ROOT, IN_VARIANCE
from .one_change import experiment


def probes(rng: np.random.Generator) -> list[Probe]:
    """A batch to read; then random ones, γ away from 1; one varies less than ε, one is as wide as long."""

    def random(n: int, c: int, eps: float) -> Probe:
        batch = {"dy": rng.normal(size=(n, c)), "x": rng.normal(3, 2, size=(n, c))}
        return {**batch, "gamma": rng.uniform(0.5, 2, size=c), "eps": eps}

    read = readable(random(3, 2, 0.5))
    small = {**random(5, 3, 0.01), "x": rng.normal(0.02, 0.003, size=(5, 3))}
    return [read, random(5, 4, 0.3), random(7, 3, 1e-5), random(4, 6, 1.0), small, random(4, 4, 0.2)]


def staged_backward(dy, gamma, x_centered, deviation):
    dx_hat = dy * gamma
    dinverse = (dx_hat * x_centered).sum(axis=0)
    ddeviation = -dinverse / deviation**2
    dx_centered = dx_hat / deviation + np.sign(x_centered) * ddeviation / len(x_centered)
    dmean = -dx_centered.sum(axis=0)
    dx = dx_centered + dmean / len(dx_centered)
    return dx_hat, dinverse, ddeviation, dx_centered, dmean, dx


NODE_BY_NODE = """
    derivative_of_a_square: the size is taken for a square
        dx_centered = dx_hat / deviation + 2 * x_centered * ddeviation / len(x_centered)
        | 2c is the derivative of c², as in BN. Here the size is |c|: its slope is the sign of c, +1 or −1.

    > 04_derive_the_backward_pass: Six equations

    path_through_both_missing: the path through the mean and then through the deviation is missing
        dmean = -(dx_hat / deviation).sum(axis=0)
        | In BN that path is 0, since Σ x_centered = 0. Here it has Σ sign(x_centered): as many rows above the
        | mean as below are needed for 0.
"""


def nodes(rng: np.random.Generator) -> list[Probe]:
    """What the forward pass left behind, for the batches of `probes`."""

    def left_behind(dy: Any, x: Any, gamma: Any, eps: float) -> Probe:
        centered = x - x.mean(axis=0)
        deviation = np.abs(centered).mean(axis=0)
        return {"dy": dy, "gamma": gamma, "x_centered": centered, "deviation": deviation}

    return [left_behind(**probe) for probe in probes(rng)]


EXERCISES = [
    Check(
        batch_norm_backward,
        probes,
        hints="""First x̂, `dgamma`, `dbeta`. Then `dx_hat`: by what is x̂ multiplied on its path to y?
        From `dy * gamma` take its mean and its share along x̂. In front stands 1/√(σ² + ε).
        The share along x̂ is `x_hat * (dx_hat * x_hat).mean(axis=0)`.""",
        lesson=("04_derive_the_backward_pass", "Multiply it out"),
        mistakes=(BACKWARD, IN_VARIANCE, IN_ROOT),
    ),
    Check(
        staged_backward,
        nodes,
        hints="""Go from right to left. Each gradient has the shape of its node: (N, C) or (C,).
        A number that all rows share gets the sum of their gradients. And what is the slope of |c|?
        `x_centered` gets `dx_hat / deviation`, and `np.sign(x_centered) * ddeviation / N` besides.""",
        lesson=("04_derive_the_backward_pass", "Five rules for the backward pass"),
        mistakes=(NODE_BY_NODE,),
    ),
    judged_by(
        gradient_checking.facts,
        gradient_checking.SEES_LITTLE,
        others=map(gradient_checking.ACCEPTED.format, gradient_checking.WRONG),
        probes=lambda rng: [{"eps": eps} for eps in (1e-5, *rng.uniform(1e-5, 1e-3, size=2))],
        name="gradient_check",
        takes=("forward", "backward"),
        hints="""Move one entry up and down by `h = 1e-5`, and see by how much L changes.
        Which inputs hide a fault? Think of `dy`, of γ, of N. Can one gradient alone be wrong?
        `((up - down) * dy).sum() / (2 * h)` for each entry; then `np.allclose(..., atol=1e-6)`.""",
        lesson=("deeper/test_a_backward_pass", "Which test catches what?"),
    ),
    experiment(
        name="effect_on_dx",
        hints="""Draw `x` and `dy` from the seed. Measure once, change one thing, measure again.
        Rows 1 and later are `dx[1:]`. To change row 0 alone: `x[0] += 50`.
        Both numbers come from `size_of_dx(x, dy)`: the one before the change, then the one after it.""",
        lesson=("04_derive_the_backward_pass", "Multiply it out"),
    ),
]
