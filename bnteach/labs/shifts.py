"""The lab of shifted pictures: what the stored statistics make of them, and what their own do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

import bnteach
from bnteach import figures
from bnteach.data import Digits, digits
from bnteach.trials.clinic import shuffled, trained

from . import controls
from .lab import Lab

__all__ = ["Shifts"]

CONTRASTS = (-1, 0.1, 0.25, 0.5, 1, 2)
NOISES = (0, 0.15, 0.3, 0.6)
STATISTICS = ("stored", "recalibrated")
ROLES = {"stored": "without_bn", "recalibrated": "with_bn"}
SHOWN = 3  # pictures
LIMITS = (-7.0, 7.0)  # of x̂
TALLEST = 1.0
CHANNEL = 91  # brightness moves it far, and it is lopsided, so that a mirror image shows


@dataclass(frozen=True)
class State:
    """A picture x becomes contrast · x + brightness + noise · (a normal number for each pixel)."""

    contrast: float
    brightness: float
    noise: float
    statistics: str


@dataclass(frozen=True)
class Frame:
    """pictures: the first ones, (n, 8, 8). x_hat: one channel of the first BN layer, (450,), with the
    statistics of the state. accuracy: with either kind of statistics, in percent."""

    state: State
    pictures: np.ndarray
    x_hat: np.ndarray
    accuracy: dict[str, float]


@dataclass(frozen=True)
class Layer:
    """A linear layer, and the γ, β, running mean and running variance of the BN layer behind it."""

    weight: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    var: np.ndarray

    def x_hat(self, h: np.ndarray, statistics: str) -> np.ndarray:
        x = h @ self.weight.T
        if statistics == "recalibrated":
            return bnteach.batch_norm_forward(x, None, None)[0]
        return bnteach.batch_norm_inference(x, None, None, self.mean, self.var)


class Shifts(Lab):
    """Change the test pictures of a trained network: what do the stored statistics make of them?

    Controls: contrast, brightness, noise, and statistics: those stored in training, or recalibrated on these
    450 pictures. On the left three of the pictures. In the middle the values of one channel after the first
    normalization, before γ and β, beside those of the training pictures. On the right the share of right
    answers.

    >>> lab = Shifts(brightness=0.5, statistics="recalibrated")
    >>> bool(lab.frame.accuracy["recalibrated"] > 90 > lab.frame.accuracy["stored"])
    True
    """

    title = "Pictures that the statistics do not fit"
    look = "Change the pictures, then recalibrate. When do the bars come back to the black line?"
    State = State
    panels = (0.42, 1.3, 0.95)
    size = (7.2, 2.8)
    recorded: ClassVar = {"brightness": (-0.5, 0, 0.5, 1)}

    def controls(self):
        return {
            "contrast": controls.steps("Contrast", "what each pixel is multiplied by", CONTRASTS, 1),
            "brightness": controls.slider("Brightness", "what is added to each pixel", -0.5, 1, 0, 0.25),
            "noise": controls.steps("Noise", "standard deviation in each pixel", NOISES, 0),
            "statistics": controls.choice("Statistics", "of all BN layers", list(STATISTICS), "stored"),
        }

    @staticmethod
    def compute(state):
        test = _digits()
        x = state.contrast * test.x_test + state.brightness + state.noise * _noise()
        right = {kind: 100 * float(np.mean(_answers(x, kind) == test.y_test)) for kind in STATISTICS}
        x_hat = _network()[0][0].x_hat(x, state.statistics)[:, CHANNEL]
        return Frame(state, x[:SHOWN].reshape(-1, 8, 8), x_hat, right)

    def background(self, axes, state):
        pictures, channel, right = axes
        figures.frame(pictures, title="Pictures", xlim=(-0.02, 0.9), ylim=(SHOWN, -0.05))
        pictures.set_aspect("equal")
        pictures.axis("off")
        figures.frame(
            channel, title="One channel, normalized", x="x̂", y="density", xlim=LIMITS, ylim=(0, TALLEST)
        )
        trained = _network()[0][0].x_hat(_digits().x_train, "stored")[:, CHANNEL]
        heights, edges = np.histogram(trained, 40, LIMITS, density=True)
        channel.stairs(heights, edges, color=figures.role("truth").color, linewidth=1.5)
        figures.key(channel, {"truth": "training", "data": "shown"}, place="upper right")
        figures.frame(right, title="Right answers, %", xlim=(-0.6, 1.6), ylim=(0, 112))
        right.set_xticks([0, 1], STATISTICS)
        right.grid(False, axis="x")

    def draw(self, axes, frame):
        pictures, channel, right = axes
        figures.gray_pictures(1 - frame.pictures, left=0, ax=pictures)  # 0 is black
        figures.histogram(frame.x_hat, ax=channel, bins=40, limits=LIMITS)
        for place, (kind, share) in enumerate(frame.accuracy.items()):
            chosen = kind == frame.state.statistics
            look = {"color": figures.role(ROLES[kind]).color, "alpha": 1 if chosen else 0.35}
            right.bar(place, share, width=0.6, **look)
            right.text(place, share + 2, f"{share:.0f}", ha="center", weight="bold" if chosen else "normal")

    def read(self, frame):
        state, right = frame.state, frame.accuracy
        mean = round(float(frame.x_hat.mean()), 2) + 0.0  # + 0.0: no "-0.00"
        return (
            f"Pictures times {state.contrast:g}, plus {state.brightness:g}, with noise {state.noise:g}; "
            f"statistics {state.statistics}. The channel has mean {mean:.2f} and standard "
            f"deviation {frame.x_hat.std():.2f}. Right answers: {right['stored']:.0f} % with the stored "
            f"statistics, {right['recalibrated']:.0f} % with recalibrated ones."
        )


def _answers(x: np.ndarray, statistics: str) -> np.ndarray:
    layers, weight, bias = _network()
    for layer in layers:
        x = np.maximum(layer.gamma * layer.x_hat(x, statistics) + layer.beta, 0)
    return (x @ weight.T + bias).argmax(axis=1)


@lru_cache(maxsize=1)
def _digits() -> Digits:
    return digits()


@lru_cache(maxsize=1)
def _noise() -> np.ndarray:
    return np.random.default_rng(0).normal(size=_digits().x_test.shape).astype(np.float32)


@lru_cache(maxsize=1)
def _network() -> tuple[list[Layer], np.ndarray, np.ndarray]:
    """The hidden layers, and weight and bias of the last one, of a network that has learned the digits."""
    model, _ = trained(0, shuffled())
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    kept = ("weight", "bias", "running_mean", "running_var")
    layers = [Layer(state[f"linear_{k}.weight"], *(state[f"bn_{k}.{name}"] for name in kept)) for k in (1, 2)]
    return layers, state["output.weight"], state["output.bias"]
