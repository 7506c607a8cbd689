"""Eighteen claims about batch normalization: the effect of each, its margin, and where it is tried."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bnteach.training import Claim, SeedSummary
from bnteach.trials.claims.conditions import (
    BOTH,
    NETWORKS,
    PLACES,
    PLAIN,
    SIGMOID,
    STARTS,
    TASKS,
    UNTIL,
    WITH_DROPOUT,
)
from bnteach.trials.claims.effects import (
    SCALES,
    Effect,
    fewest_steps,
    highest_rate,
    more,
    single,
    working_scales,
)
from bnteach.trials.claims.experiments import learn, learn_until
from bnteach.trials.claims.measurements import answers_changed_by_biases, dropout_shift, smoothness_and_shift

__all__ = ["eighteen_claims"]


class Trial(NamedTuple):
    """A claim before it is tried; `tried` has the effect of a seed under each condition."""

    words: str
    effect: str
    margin: float
    tried: dict[str, Effect]
    expects: str = "more"


def eighteen_claims(seeds: range) -> dict[str, Claim]:
    """All of them by their short names, each tried with these seeds: 14 seconds a seed."""
    trials = {**of_speed(), **of_reasons(), **of_regularization(), **of_batches_and_places()}
    return {name: tried(trial, seeds) for name, trial in trials.items()}


def tried(trial: Trial, seeds: range) -> Claim:
    evidence = {
        condition: SeedSummary(np.array([effect(seed) for seed in seeds], dtype=float))
        for condition, effect in trial.tried.items()
    }
    return Claim(trial.words, trial.effect, trial.margin, evidence, trial.expects)


def of_speed() -> dict[str, Trial]:
    """Steps, learning rates, initial weights."""
    saved, at_90 = "steps saved on the way to 90 % in training", {"level": 90, "most": 300}
    at_03 = {"steps": 110, "learning_rate": 0.3}
    same_rate = {
        name: more(learn_until, "steps", {**settings, **at_90, **PLAIN}, {**settings, **at_90})
        for name, settings in {**BOTH, "sigmoid, weights × 4": SIGMOID}.items()
    }
    best_rate = {name: fewest_steps(settings) for name, settings in BOTH.items()}
    rates = {name: highest_rate(settings) for name, settings in BOTH.items()}
    scales = {name: working_scales(settings) for name, settings in BOTH.items()}
    lost = {
        f"ReLU × {scale:g}": more(learn, "accuracy", at_03, {**at_03, "init_scale": scale})
        for scale in SCALES
        if scale != 1
    }
    return {
        "rates": Trial("Higher learning rates work.", "highest rate, factors of ten", 0.3, rates),
        "scales": Trial("More initial scales work.", "more of six scales", 1, scales),
        "any scale": Trial("The scale makes no difference.", "points lost", 1, lost, "none"),
        "faster": Trial("Faster, at the same rate.", saved, 5, same_rate),
        "best rate": Trial("Faster, each at its best rate.", saved, 5, best_rate),
    }


def of_reasons() -> dict[str, Trial]:
    """Covariate shift, and the change of the gradient."""

    def between(result: str, first: dict, second: dict) -> dict[str, Effect]:
        fixed = {"steps": 80, "every": 20}
        return {
            name: more(
                smoothness_and_shift, result, {**fixed, **settings, **first}, {**fixed, **settings, **second}
            )
            for name, settings in NETWORKS.items()
        }

    noise = {"noise": 0.5}
    return {
        "shift": Trial("Less covariate shift.", "shift, plain − BN", 0.05, between("shift", PLAIN, {})),
        "needed": Trial(
            "Noise behind BN costs.",
            "points, BN − BN + noise",
            1,
            between("accuracy", {}, noise),
        ),
        "smooth": Trial(
            "The loss is smoother.", "change of the gradient, plain − BN", 0.1, between("change", PLAIN, {})
        ),
    }


def of_regularization() -> dict[str, Trial]:
    """Test accuracy at the same training accuracy; at the best moment; beside dropout."""

    def at_level(result: str, first: dict, second: dict) -> dict[str, Effect]:
        return {
            name: more(learn_until, result, {**until, **first}, {**until, **second})
            for name, until in UNTIL.items()
        }

    def after_steps(result: str, first: dict, second: dict, **fixed) -> dict[str, Effect]:
        return {
            name: more(learn, result, {**task, **fixed, **first}, {**task, **fixed, **second})
            for name, task in TASKS.items()
        }

    ghosts, dropout = {"group": 6}, {"dropout": 0.2}
    points = "points at equal training accuracy"
    best = after_steps("best_accuracy", {}, PLAIN, steps=200, test_every=20)
    beside = after_steps("accuracy", dropout, {}, steps=400)
    clash = {
        name: lambda seed, s=settings: (
            single(dropout_shift, "mended", s)(seed) - single(dropout_shift, "accuracy", s)(seed)
        )
        for name, settings in WITH_DROPOUT.items()
    }
    return {
        "regularizes": Trial("BN regularizes.", points, 1, at_level("accuracy", {}, PLAIN)),
        "best moment": Trial("BN generalizes better.", "points, each at its best moment", 1, best),
        "fit": Trial(
            "BN lowers the ability to fit.",
            "more steps to the same training accuracy",
            5,
            at_level("steps", {}, PLAIN),
        ),
        "noise": Trial(
            "Noise of ghost batches regularizes.",
            points,
            1,
            at_level("accuracy", ghosts, {}),
        ),
        "dropout": Trial("Dropout still helps beside BN.", "points, 400 steps", 1, beside),
        "clash": Trial("BN and dropout clash.", "points regained by recalibration", 1, clash),
    }


def of_batches_and_places() -> dict[str, Trial]:
    """Small and unmixed batches; before or after the activation; biases."""

    def cost(name: str, setting: str, values: tuple[int, ...]) -> dict[str, Effect]:
        fixed = [{setting: value, "steps": 150} for value in values]
        tried = [more(learn, "accuracy", {**settings, **PLAIN}, settings) for settings in fixed]
        return {f"{name} {value}": effect for value, effect in zip(values, tried, strict=True)}

    lost, places = "points that BN costs", {}
    for name, settings in PLACES.items():
        before, after = ({"steps": 110, **settings, "bn_position": at} for at in ("before", "after"))
        places[name] = more(learn, "accuracy", before, after)
    changed = {
        name: single(answers_changed_by_biases, "changed", {"start": start, "bn_position": "after"})
        for name, start in STARTS.items()
    }
    return {
        "size": Trial("BN fails in batches below 16.", lost, 1, cost("size", "batch_size", (2, 4, 8))),
        "mixed": Trial("BN needs well-mixed batches.", lost, 1, cost("digits:", "classes", (1, 2, 5))),
        "before": Trial("BN before the activation is better.", "points, before − after", 1, places),
        "bias": Trial(
            "A bias before ReLU and BN is useless.", "answers that it changes, %", 1, changed, "none"
        ),
    }
