"""Drives a learner's BatchNorm class: two training steps, then evaluation; and a class made from a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...answers import OddAnswer, described, unpacked
from ...running import Trial
from ..checking import Check
from ..recipe import Recipe

GRADIENTS = ("dx", "dgamma", "dbeta")
STORED = ("running_mean", "running_var")


def drive(check: Check) -> Trial:
    """What the layer gives and stores at each stage, in the order of its life."""

    def trial(Layer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        c = inputs["x_1"].shape[1]
        layer = Layer(c, eps=inputs["eps"], momentum=inputs["momentum"])
        yield from stored(layer, "initial")
        layer.gamma, layer.beta = inputs["gamma"].copy(), inputs["beta"].copy()
        yield "y_1", layer.forward(inputs["x_1"], training=True)
        yield from stored(layer, "after_1")
        yield from zip(GRADIENTS, unpacked(GRADIENTS, layer.backward(inputs["dy"])), strict=True)
        yield "y_2", layer.forward(inputs["x_2"], training=True)
        yield from stored(layer, "after_2")
        yield "y_evaluation", layer.forward(inputs["x_3"], training=False)
        yield from stored(layer, "after_evaluation")
        found = unpacked(GRADIENTS, layer.backward(inputs["dy"]))
        yield from ((f"{name}_evaluation", value) for name, value in zip(GRADIENTS, found, strict=True))

    return trial


def stored(layer: Any, when: str) -> Iterable[tuple[str, Any]]:
    """The running statistics as they are now; the arrays may be changed in place afterward."""
    for name in STORED:
        if not hasattr(layer, name):
            raise OddAnswer(f"{described(layer)[2:]} has no attribute {name}.")
        yield f"{name}_{when}", np.array(getattr(layer, name))


def class_from(check: Check, recipe: Recipe) -> type:
    """A BatchNorm class whose every number comes from the recipe."""

    class BatchNorm:
        def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1):
            self.options = {"eps": eps, "momentum": momentum}
            self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
            initial = recipe.values({"num_features": num_features}, ["initial_mean", "initial_var"])
            self.running_mean, self.running_var = initial.values()

        def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
            self.mode = "" if training else "_evaluation"
            self.inputs = {
                "x": x,
                "gamma": self.gamma,
                "beta": self.beta,
                "running_mean": self.running_mean,
                "running_var": self.running_var,
                **self.options,
            }
            names = [f"y{self.mode}", f"new_mean{self.mode}", f"new_var{self.mode}"]
            y, self.running_mean, self.running_var = recipe.values(self.inputs, names).values()
            return y

        def backward(self, dy: np.ndarray) -> tuple:
            names = [f"{name}{self.mode}" for name in recipe.returns]
            return tuple(recipe.values({**self.inputs, "dy": dy}, names).values())

    return BatchNorm
