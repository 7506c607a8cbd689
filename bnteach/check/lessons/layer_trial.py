"""Tries a learner's BatchNorm class, two training steps and then evaluation; makes one from a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..answers import OddAnswer, described, unpacked
from ..recipe import Recipe

GRADIENTS = ("dx", "dgamma", "dbeta")
STORED = ("running_mean", "running_var")


def drive(Layer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """What the layer gives and stores at each stage, in the order of its life."""
    layer = Layer(inputs["x_1"].shape[1], eps=inputs["eps"], momentum=inputs["momentum"])
    yield from stored(layer, "initial")
    for name in ("gamma", "beta"):
        give(layer, name, inputs[name].copy())
    yield "y_1", layer.forward(inputs["x_1"], training=True)
    yield from stored(layer, "after_1")
    yield from zip(GRADIENTS, unpacked(GRADIENTS, layer.backward(inputs["dy"])), strict=True)
    yield "y_2", layer.forward(inputs["x_2"], training=True)
    yield from stored(layer, "after_2")
    yield "y_evaluation", layer.forward(inputs["x_3"], training=False)
    yield from stored(layer, "after_evaluation")
    found = unpacked(GRADIENTS, layer.backward(inputs["dy"]))
    yield from ((f"{name}_evaluation", value) for name, value in zip(GRADIENTS, found, strict=True))


def stored(layer: Any, when: str) -> Iterable[tuple[str, Any]]:
    """The running statistics as they are now; the arrays may be changed in place afterward."""
    for name, start in zip(STORED, ("zeros", "ones"), strict=True):
        if not hasattr(layer, name):
            raise OddAnswer(f"{described(layer)[2:]} has no attribute {name}.")
        value = getattr(layer, name)
        if when == "initial" and np.ndim(value) == 0:
            raise OddAnswer(
                f"{name} begins as {value}. Each channel has one of its own, before the first batch too: "
                f"self.{name} = np.{start}(num_features)."
            )
        yield f"{name}_{when}", np.array(value)


def give(layer: Any, name: str, value: np.ndarray) -> None:
    """Set γ or β; an nn.Module takes no array in the place of an nn.Parameter."""
    try:
        setattr(layer, name, value)
    except (TypeError, AttributeError):
        start = {"gamma": "ones", "beta": "zeros"}[name]
        raise OddAnswer(
            f"The check sets {name} to a NumPy array, and your class takes none. Is it an nn.Parameter? "
            f"Write self.{name} = np.{start}(num_features): the gradient is yours to compute."
        ) from None


class FromRecipe:
    """A BatchNorm class whose every number comes from its recipe."""

    recipe: Recipe

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1):
        self.options = {"eps": eps, "momentum": momentum}
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        initial = self.recipe.values({"num_features": num_features}, ("initial_mean", "initial_var"))
        self.running_mean, self.running_var = initial.values()

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        state = {name: getattr(self, name) for name in ("gamma", "beta", *STORED)}
        self.inputs, self.training = {"x": x, **state, **self.options}, training
        found = self.in_this_mode().values(self.inputs, ("y", "new_mean", "new_var"))
        y, self.running_mean, self.running_var = found.values()
        return y

    def backward(self, dy: np.ndarray) -> tuple:
        return tuple(self.in_this_mode().values({**self.inputs, "dy": dy}, GRADIENTS).values())

    def in_this_mode(self) -> Recipe:
        """In evaluation a line `name_evaluation` stands in the place of the line `name`."""
        if self.training:
            return self.recipe
        own = {name: text for name, text in self.recipe.steps.items() if name.endswith("_evaluation")}
        return self.recipe.with_lines({name.removesuffix("_evaluation"): own[name] for name in own})


def class_from(recipe: Recipe) -> type:
    return type("BatchNorm", (FromRecipe,), {"recipe": recipe})
