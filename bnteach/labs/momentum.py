"""The lab of two conventions: one number called momentum, one called ε, in PyTorch and in Keras."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bnteach import figures

from . import controls
from .lab import Lab

__all__ = ["Momentum"]

BATCHES, BATCH_SIZE, MEAN, STD = 100, 8, 5.0, 2.0
MOMENTA = (0.01, 0.1, 0.5, 0.9, 0.99)
SPREADS = (0.001, 0.003, 0.01, 0.03, 0.1, 1.0)
EPS = {"PyTorch": 1e-5, "Keras": 1e-3}
ROLES = {"PyTorch": "unbiased", "Keras": "biased"}  # as they store the variance
LIMITS = (0.0, 11.0)
CURVE = np.geomspace(SPREADS[0], SPREADS[-1], 61)


@dataclass(frozen=True)
class State:
    """momentum: the number typed into both layers. batches: how many were seen. std: of a channel."""

    momentum: float
    batches: int
    std: float


@dataclass(frozen=True)
class Frame:
    """What `Momentum` shows.

    means: of each batch, (t,). kept: by framework, the running mean before the first batch and after each,
    (t + 1,). x_hat: by framework, the standard deviation of x̂ for the channel chosen.
    """

    state: State
    means: np.ndarray
    kept: dict[str, np.ndarray]
    x_hat: dict[str, float]


class Momentum(Lab):
    """Type the same momentum into PyTorch and into Keras; then ask what ε does to a channel.

    Controls: momentum, batches, std. In PyTorch the momentum is the weight of the new batch; in Keras it is
    that of the old average. The panel on the right is for each framework's own ε, 1e-5 and 1e-3: a channel
    with the standard deviation std gets x̂ with the standard deviation std / √(std² + ε).

    What surprises: momentum 0.5 is the same in both. 0.99 in PyTorch keeps nearly nothing but the last batch.

    >>> frame = Momentum(momentum=0.5).frame
    >>> bool(frame.kept["PyTorch"][-1] == frame.kept["Keras"][-1])
    True
    """

    title = "One number, two conventions"
    look = (
        "Which momentum gives both the same running mean? What does 0.99 do in PyTorch? On the right: how "
        "small may a channel's standard deviation be, until ε takes part of it away?"
    )
    State = State
    panels = (1, 1, 1)

    def controls(self):
        return {
            "momentum": controls.steps("Momentum", "the same number for both layers", MOMENTA, 0.99),
            "batches": controls.whole_slider("Batches seen", "how far the training has come", 1, BATCHES, 50),
            "std": controls.steps("Channel's std", "the standard deviation of a channel", SPREADS, 0.01),
        }

    @staticmethod
    def compute(state):
        means = _means()[: state.batches]
        weights = {"PyTorch": state.momentum, "Keras": 1 - state.momentum}  # of the new batch
        kept = {name: _running(means, weight) for name, weight in weights.items()}
        x_hat = {name: float(_x_hat(state.std, eps)) for name, eps in EPS.items()}
        return Frame(state, means, kept, x_hat)

    def background(self, axes, state):
        for ax, name in zip(axes, EPS, strict=False):
            across = {"x": "batch", "xlim": (0, BATCHES + 2), "ylim": LIMITS}
            figures.frame(ax, title=f"Running mean in {name}", **across)
            looks = {"data": "mean of a batch", ROLES[name]: "running mean", "truth": "true mean"}
            figures.key(ax, looks, markers=True, place="upper right")
        spread = axes[2]
        across = {"x": "standard deviation of x", "log": "x", "xlim": (8e-4, 1.3)}
        figures.frame(spread, title="Standard deviation of x̂", ylim=(0, 1.1), **across)
        for name, eps in EPS.items():
            figures.curve(CURVE, _x_hat(CURVE, eps), ax=spread, role=ROLES[name])
        names = {role: f"ε of {name}" for name, role in ROLES.items()}
        figures.key(spread, names, markers=True, place="lower right")

    def draw(self, axes, frame):
        truth = np.full(BATCHES, MEAN)
        for ax, (name, kept) in zip(axes, frame.kept.items(), strict=False):
            figures.stream(frame.means, kept, truth, limits=LIMITS, ax=ax, kept_role=ROLES[name])
        for name, value in frame.x_hat.items():
            dot = {"limits": (0, 2), "role": ROLES[name], "size": 9}
            figures.dots([frame.state.std], [value], ax=axes[2], **dot)

    def read(self, frame):
        state = frame.state
        kept = ", ".join(f"{name} {values[-1]:.2f}" for name, values in frame.kept.items())
        spread = ", ".join(f"{value:.2f} with the ε of {name}" for name, value in frame.x_hat.items())
        weights = f"the new batch weighs {state.momentum:g} in PyTorch and {1 - state.momentum:.2g} in Keras"
        batches = f"{state.batches} batch" + "es" * (state.batches > 1)
        return (
            f"Momentum {state.momentum:g}: {weights}. Running mean after {batches}: {kept}; truth "
            f"{MEAN:.2f}, last batch {frame.means[-1]:.2f}. A channel with the standard deviation "
            f"{state.std:g} becomes x̂ with the standard deviation {spread}."
        )


def _running(means: np.ndarray, weight: float) -> np.ndarray:
    """The running mean, from 0 on, where a new batch has this weight."""
    kept = [0.0]
    for mean in means:
        kept.append((1 - weight) * kept[-1] + weight * mean)
    return np.array(kept)


def _x_hat(std, eps: float):
    """The standard deviation of x̂."""
    return std / np.sqrt(std**2 + eps)


@lru_cache(maxsize=1)
def _means() -> np.ndarray:
    return np.random.default_rng(0).normal(MEAN, STD, size=(BATCHES, BATCH_SIZE)).mean(axis=1)
