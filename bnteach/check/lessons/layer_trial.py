"""Tries a learner's BatchNorm class, two training steps and then evaluation; makes one from a recipe."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..answers import OddAnswer, unpacked
from ..recipe import Recipe
from ..running import Probe

GRADIENTS = ("dx", "dgamma", "dbeta")
# Name of an attribute -> how it begins.
STARTS = {"gamma": "ones", "beta": "zeros", "running_mean": "zeros", "running_var": "ones"}
TAKES = {"BatchNorm": "num_features", "forward": "x"}
DEFAULTS = {"eps": 1e-5, "momentum": 0.1}  # with these values an option is left out


def drive(Layer: Any, inputs: Probe) -> Iterable[tuple[str, Any]]:
    """What the layer gives and stores at each stage, in the order of its life."""
    options = {name: inputs[name] for name in DEFAULTS if inputs[name] != DEFAULTS[name]}
    refuse_other_defaults(inspect.signature(Layer))
    layer = called(Layer, "BatchNorm", inputs["x_1"].shape[1], **options)
    yield from first_values(layer)
    for name in ("gamma", "beta"):
        give(layer, name, inputs[name].copy())
    yield "y_1", called(layer.forward, "forward", inputs["x_1"], training=True)
    yield from stored(layer, "after_1")
    yield from zip(GRADIENTS, unpacked(GRADIENTS, layer.backward(inputs["dy"])), strict=True)
    yield "y_2", layer.forward(inputs["x_2"], training=True)
    yield from stored(layer, "after_2")
    yield "y_evaluation", layer.forward(inputs["x_3"], training=False)
    yield from stored(layer, "after_evaluation")
    found = unpacked(GRADIENTS, layer.backward(inputs["dy"]))
    yield from ((f"{name}_evaluation", value) for name, value in zip(GRADIENTS, found, strict=True))


def called(function: Callable[..., Any], name: str, /, *inputs: Any, **options: Any) -> Any:
    """What it returns. Raises OddAnswer, and says how the check calls it, where it can't be called so."""
    signature = inspect.signature(function)
    try:
        signature.bind(*inputs, **options)
    except TypeError:
        given = ", ".join([TAKES[name], *(f"{key}={value}" for key, value in options.items())])
        raise OddAnswer(f"The check calls {name}({given}); yours is {name}{signature}.") from None
    return function(*inputs, **options)


def refuse_other_defaults(signature: inspect.Signature) -> None:
    for name, usual in DEFAULTS.items():
        default = getattr(signature.parameters.get(name), "default", None)
        if isinstance(default, float) and default != usual:
            raise OddAnswer(f"{name} is {default} when it is left out, expected {usual}.")


def first_values(layer: Any) -> Iterable[tuple[str, Any]]:
    """How the attributes begin. Raises OddAnswer where one has another name, or is one number for all."""
    if missing := [name for name in STARTS if not hasattr(layer, name)]:
        mine = ", ".join(name for name in vars(layer) if not name.startswith("_"))
        raise OddAnswer(
            f"Your class has no attribute {', '.join(missing)}. The check reads {', '.join(STARTS)}, each of "
            f"shape (C,), as soon as the layer is made. Yours has: {mine or 'none'}."
        )
    for name, start in STARTS.items():
        value = getattr(layer, name)
        if np.ndim(value) == 0:
            raise OddAnswer(
                f"{name} begins as {value}. Each channel has one of its own, before the first batch too: "
                f"self.{name} = np.{start}(num_features)."
            )
        yield f"{name}_initial", value


def stored(layer: Any, when: str) -> Iterable[tuple[str, Any]]:
    """The running statistics as they are now."""
    return ((f"{name}_{when}", getattr(layer, name)) for name in ("running_mean", "running_var"))


def give(layer: Any, name: str, value: np.ndarray) -> None:
    """Set γ or β; an nn.Module takes no array in the place of an nn.Parameter."""
    try:
        setattr(layer, name, value)
    except (TypeError, AttributeError):
        raise OddAnswer(
            f"The check sets {name} to a NumPy array, and your class takes none. Is it an nn.Parameter? "
            f"Write self.{name} = np.{STARTS[name]}(num_features): the gradient is yours to compute."
        ) from None


class FromRecipe:
    """A BatchNorm class whose every number comes from its recipe."""

    recipe: Recipe

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1):
        self.options = {"eps": eps, "momentum": momentum}
        names = ("initial_gamma", "initial_beta", "initial_mean", "initial_var")
        initial = self.recipe.values({"num_features": num_features}, names)
        self.gamma, self.beta, self.running_mean, self.running_var = initial.values()

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        self.training, self.last_x = training, x if training else self.last_x
        state = {name: getattr(self, name) for name in (*STARTS, "last_x")}
        self.inputs = {"x": x, **state, **self.options}
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
