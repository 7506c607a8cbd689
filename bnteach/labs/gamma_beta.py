"""The lab of scale and shift: what γ and β do, and that they can undo the normalization."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

import bnteach
from bnteach import figures

from . import controls
from .lab import Lab
from .microscope import ACTIVATIONS, rounded

__all__ = ["GammaBeta"]

VALUES = 4000
MEAN, SPREAD, EPS = 2.0, 0.6, 1e-5  # SPREAD is √(σ² + ε): what γ has to be to undo the normalization
SHOWN = (-7.0, 7.0)
GRID = np.linspace(*SHOWN, 281)
RECOVERED = {"float64": 1e-12, "float32": 1e-6}


@dataclass(frozen=True)
class State:
    """gamma, beta: γ and β of the channel. activation: what follows."""

    gamma: float
    beta: float
    activation: str


@dataclass(frozen=True)
class Frame:
    """What `GammaBeta` shows, (4000,) each, in float64.

    differences: the largest |y − x|, computed in float64 and again in float32.
    flat: the share of y where the activation is flat. mean_slope: of the activation at the values of y.
    """

    state: State
    x: np.ndarray
    x_hat: np.ndarray
    y: np.ndarray
    h: np.ndarray
    differences: dict[str, float]
    flat: float
    mean_slope: float


class GammaBeta(Lab):
    """Normalize a channel, then scale it by γ and shift it by β, and send it through an activation.

    Controls: gamma, beta, activation. Left x, x̂ and y on one scale; right what the activation makes of y. The
    button "Undo the normalization" sets γ = √(σ² + ε) and β = μ, and
    x comes back, up to rounding. So the network can have any mean and any spread there, and learns them as
    two numbers.

    >>> lab = GammaBeta(gamma=2.0, beta=-1.0)
    >>> print(f"{lab.frame.y.mean():.2f} {lab.frame.y.std():.2f}")
    -1.00 2.00
    >>> lab.press(lab.buttons[0])
    >>> bool(abs(lab.frame.y - lab.frame.x).max() < 1e-12)
    True
    """

    title = "y = γ·x̂ + β"
    look = (
        "Move γ, then β, and say beforehand what y will do; try a negative γ, and γ = 0. Can you make y the "
        "same as x? Gray: saturated. There the activation's slope is less than a tenth of its largest."
    )
    State = State
    panels = (1.6, 1)
    recorded: ClassVar = {
        "gamma": [round(-3 + 0.2 * n, 1) for n in range(31)],
        "beta": [-4 + 0.5 * n for n in range(17)],
    }

    def controls(self):
        return {
            "gamma": controls.slider("γ (scale)", "multiplies x̂", -3, 3, 1),
            "beta": controls.slider("β (shift)", "is added then", -4, 4, 0),
            "activation": controls.choice("Activation", "after it", list(ACTIVATIONS), "sigmoid"),
        }

    def make_buttons(self):
        undo = {"gamma": SPREAD, "beta": MEAN}
        return [controls.Button("Undo the normalization", "γ = √(σ² + ε), β = μ", sets=undo, main=True)]

    @staticmethod
    def compute(state):
        x, activation = _channel(), ACTIVATIONS[state.activation]
        in_both = {dtype: _scaled(state.gamma, state.beta, dtype) for dtype in RECOVERED}
        y = in_both["float64"]
        return Frame(
            state=state,
            x=x[:, 0],
            x_hat=_scaled(1, 0, "float64"),
            y=y,
            h=activation.function(y),
            differences={
                dtype: float(np.abs(y - x[:, 0].astype(dtype)).max()) for dtype, y in in_both.items()
            },
            flat=float(activation.flat(y).mean()),
            mean_slope=float(activation.slope(y).mean()),
        )

    def backdrop(self, state):
        return state.activation

    def background(self, axes, state):
        rows, after = axes
        activation = ACTIVATIONS[state.activation]
        figures.frame(rows, title="Normalize, scale and shift", x="value", xlim=SHOWN, ylim=(0, 1))
        figures.frame(after, title=f"{state.activation}(y)", x="output", xlim=activation.outputs, ylim=(0, 1))
        figures.shade(GRID, activation.flat(GRID), height=1 / 3, ax=rows)
        rows.set_yticks([5 / 6, 3 / 6, 1 / 6], ["x", "x̂", "y"])
        rows.set_xticks(range(-6, 7, 2))
        after.set_yticks([])

    def draw(self, axes, frame):
        rows, after = axes
        groups = [(frame.x, "population"), (frame.x_hat, "data"), (frame.y, "with_bn")]
        activation = ACTIVATIONS[frame.state.activation]
        figures.ridges(groups, limits=SHOWN, ax=rows)
        figures.note(f"gray: {frame.flat:.0%} {activation.flat_word}", top=0.31, ax=rows)
        figures.outline(frame.h, limits=activation.outputs, ax=after, bins=40, role="with_bn")

    def read(self, frame):
        state, activation = frame.state, ACTIVATIONS[frame.state.activation]
        return (
            f"γ = {state.gamma:.2f}, β = {state.beta:.2f}: y has mean {rounded(frame.y.mean())}, "
            f"standard deviation {frame.y.std():.2f}; x had {frame.x.mean():.2f} and {frame.x.std():.2f}. "
            f"{_distance(frame.differences)} {activation.read(frame.flat, frame.mean_slope, frame.h)}"
        )


def _distance(differences: dict[str, float]) -> str:
    """How far y is from x, in words."""
    if all(differences[dtype] <= RECOVERED[dtype] for dtype in RECOVERED):
        in_each = " and ".join(f"{differences[dtype]:.1g} in {dtype}" for dtype in RECOVERED)
        return f"y is x again: the largest difference is {in_each}."
    return f"The largest difference between y and x is {differences['float64']:.2f}."


@lru_cache(maxsize=4)
def _scaled(gamma: float, beta: float, dtype: str) -> np.ndarray:
    """y in this precision, (4000,)."""
    gamma, beta = (np.array([number], dtype=dtype) for number in (gamma, beta))
    y, _ = bnteach.batch_norm_forward(_channel().astype(dtype), gamma, beta, EPS)
    return y[:, 0]


@lru_cache(maxsize=1)
def _channel() -> np.ndarray:
    """x, (4000, 1): skewed, so that one sees it mirrored when γ is negative.

    μ and √(σ² + ε) are numbers that the sliders can reach: the browser moves a slider to its nearest step.
    """
    skewed = np.random.default_rng(0).standard_gamma(4, (VALUES, 1))
    standard = (skewed - skewed.mean()) / skewed.std()
    values = MEAN + (SPREAD**2 - EPS) ** 0.5 * standard
    values.flags.writeable = False
    return values
