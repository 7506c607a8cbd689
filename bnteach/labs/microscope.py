"""The lab of one channel: what batch normalization does to it, and what the activation makes of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from scipy.special import expit, ndtr

import bnteach
from bnteach import figures

from . import controls
from .lab import Lab

__all__ = ["ACTIVATIONS", "Activation", "Microscope", "rounded"]

VALUES = 4000
SCALES = (0.1, 0.2, 0.5, 1, 2, 3, 5)
EPSILONS = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
SHAPES = ["Gaussian", "skewed", "two humps"]
SHOWN = (-12.0, 12.0)
GRID = np.linspace(*SHOWN, 481)


@dataclass(frozen=True)
class Activation:
    """An activation, its slope, and what a lab needs to know to show it.

    steepest: its largest slope. outputs: the range of outputs that is shown. flat_word: what a value is
    called that lies where the curve is flat.
    """

    name: str
    function: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    steepest: float
    outputs: tuple[float, float]
    flat_word: str

    def flat(self, z: np.ndarray) -> np.ndarray:
        """Where the slope, up or down, is less than a tenth of the steepest. For ReLU: where it gives 0."""
        return np.abs(self.slope(z)) < 0.1 * self.steepest

    def read(self, flat: float, mean_slope: float, h: np.ndarray) -> str:
        """The share of values in the flat part, their mean slope, and the outputs h, in words."""
        name, steepest = self.name[0].upper() + self.name[1:], f"{self.steepest:.2f}"
        return (
            f"{name}: {flat:.0%} {self.flat_word}, mean slope {rounded(mean_slope)} of at most {steepest}; "
            f"outputs from {rounded(h.min())} to {rounded(h.max())}, mean {rounded(h.mean())}."
        )


def rounded(value: float) -> str:
    """Two decimals, and no minus before 0.00."""
    return f"{round(value, 2) + 0.0:.2f}"


def _relu(z):
    return np.maximum(z, 0)


def _gelu_slope(z):
    return ndtr(z) + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


ALL = [
    Activation("sigmoid", expit, lambda z: expit(z) * expit(-z), 0.25, (-0.04, 1.04), "saturated"),
    Activation("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2, 1.0, (-1.08, 1.08), "saturated"),
    Activation("ReLU", _relu, lambda z: (z > 0) * 1.0, 1.0, (-0.6, 6.0), "give 0"),
    Activation("GELU", lambda z: z * ndtr(z), _gelu_slope, _gelu_slope(2**0.5), (-0.6, 6.0), "almost flat"),
]
ACTIVATIONS = {activation.name: activation for activation in ALL}


@dataclass(frozen=True)
class State:
    """shift, scale: mean and standard deviation of the population. eps: ε, in use with batch_norm alone."""

    shift: float
    scale: float
    shape: str
    activation: str
    batch_norm: bool
    eps: float


@dataclass(frozen=True)
class Frame:
    """What `Microscope` shows.

    x: the channel. z: what the activation gets, x̂ or x itself. h: what it gives. All (4000,).
    flat: the share of z where the activation is flat. mean_slope: of the activation at the values of z.
    """

    state: State
    x: np.ndarray
    z: np.ndarray
    h: np.ndarray
    flat: float
    mean_slope: float


class Microscope(Lab):
    """Look at 4000 values of one channel: before batch normalization, after it, and after the activation.

    Controls: shift, scale and shape of the input, activation, batch_norm, eps. Gray is where the activation
    is flat: its slope is less than a tenth of its largest, and little gradient comes back. A value there is
    called saturated (sigmoid, tanh); a ReLU gives exactly 0 there. On the right the outputs, as a histogram
    along the axis of the activation.

    With batch normalization the shift and the scale of the input are gone after it, the shape is not.

    >>> lab = Microscope(shift=5, scale=2, activation="sigmoid", batch_norm=False)
    >>> print(f"{lab.frame.flat:.0%}")
    74%
    >>> lab.set(batch_norm=True)
    >>> print(f"{lab.frame.flat:.0%}")
    0%
    """

    title = "One channel under the microscope"
    look = (
        "Switch batch normalization off, then shift and scale the input: it slides into the gray, where the "
        "activation is flat. Switch it on again. What has become of the shape?"
    )
    State = State
    panels = (1, 1.35, 0.5)
    recorded: ClassVar = {"shift": range(-5, 6), "eps": (1e-5, 0.1, 1, 10)}

    def controls(self):
        return {
            "shift": controls.slider("Shift of the input", "the mean of x", -5, 5, 3, step=0.5),
            "scale": controls.steps("Scale of the input", "the standard deviation of x", SCALES, 2),
            "shape": controls.choice("Shape", "of the distribution of x", SHAPES, "Gaussian"),
            "activation": controls.choice("Activation", "after it", list(ACTIVATIONS), "sigmoid"),
            "batch_norm": controls.switch("Batch normalization", "before the activation", True),
            "eps": controls.steps("ε in the root", "added to the variance", EPSILONS, 1e-5),
        }

    @staticmethod
    def compute(state):
        activation = ACTIVATIONS[state.activation]
        x = state.shift + state.scale * _standard(state.shape)
        z = x
        if state.batch_norm:
            z = bnteach.batch_norm_forward(x[:, np.newaxis], None, None, state.eps)[0][:, 0]
        flat, slope = activation.flat(z).mean(), activation.slope(z).mean()
        return Frame(state, x, z, activation.function(z), float(flat), float(slope))

    def backdrop(self, state):
        return state.activation, state.batch_norm

    def background(self, axes, state):
        before, through, after = axes
        activation = ACTIVATIONS[state.activation]
        figures.frame(before, title="Input x", x="x", xlim=SHOWN, ylim=(0, 1))
        z, into = ("x̂", "x̂ = BN(x)") if state.batch_norm else ("x", "x")
        shared = {"ylim": activation.outputs}
        color = "blue" if state.batch_norm else "orange"
        title = f"{z} ({color}) goes into the {activation.name} (black)"
        figures.frame(through, title=title, x=into, y="output", xlim=SHOWN, **shared)
        figures.frame(after, title="Outputs", x="how often", xlim=(0, 1), **shared)
        figures.transfer(GRID, activation.function(GRID), activation.flat(GRID), ax=through)
        before.set_yticks([])
        after.set_xticks([])
        after.tick_params(labelleft=False)

    def draw(self, axes, frame):
        before, through, after = axes
        activation = ACTIVATIONS[frame.state.activation]
        role = "with_bn" if frame.state.batch_norm else "without_bn"
        figures.outline(frame.x, limits=SHOWN, ax=before, role="population")
        figures.outline(frame.z, limits=SHOWN, ax=through, height=0.6, role=role)
        figures.note(f"gray: {frame.flat:.0%} {activation.flat_word}", ax=through)
        figures.outline(frame.h, limits=activation.outputs, ax=after, bins=30, role=role, sideways=True)

    def read(self, frame):
        z, activation = frame.z, ACTIVATIONS[frame.state.activation]
        made = "x̂ has" if frame.state.batch_norm else "Without batch normalization it stays so:"
        return (
            f"x has mean {rounded(frame.x.mean())}, standard deviation {frame.x.std():.2f}. "
            f"{made} mean {rounded(z.mean())}, standard deviation {z.std():.2f}, "
            f"smallest value {z.min():.1f}, largest {z.max():.1f}; "
            f"{np.mean(np.abs(z) >= 1):.0%} lie outside (−1, 1). "
            f"{activation.read(frame.flat, frame.mean_slope, frame.h)}"
        )


@lru_cache(maxsize=len(SHAPES))
def _standard(shape: str) -> np.ndarray:
    """4000 values from a population with mean 0 and standard deviation 1."""
    random = np.random.default_rng(0)
    values = random.standard_normal(VALUES)
    if shape == "skewed":
        values = (random.standard_gamma(2, VALUES) - 2) / 2**0.5
    elif shape == "two humps":
        values = 0.9 * random.choice([-1, 1], VALUES) + (1 - 0.9**2) ** 0.5 * values
    values.flags.writeable = False
    return values
