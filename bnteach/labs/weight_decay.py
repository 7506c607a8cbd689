"""The lab of weight decay in front of BN: the length of the weights, and how far a step turns them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bnteach import figures
from bnteach.data import digits

from . import controls
from .lab import Lab

__all__ = ["WeightDecay"]

STEPS, BATCH_SIZE, CLASSES, GAMMA, EVERY = 240, 64, 10, 3.0, 15
RATES = (0.03, 0.1, 0.3, 1.0, 3.0)
DECAYS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1)
STARTS = (0.3, 1.0, 3.0)
LENGTHS, TURNS, ACCURACIES = (0.1, 30.0), (0.1, 60.0), (70, 100)
NEAR = 1.25  # the factor up to which a turn counts as that of the equilibrium


@dataclass(frozen=True)
class State:
    """rate: of gradient descent. decay: of the weights. start: the length of each unit's weights."""

    rate: float
    decay: float
    start: float


@dataclass(frozen=True)
class Frame:
    """What `WeightDecay` shows; root mean squares over the ten units.

    length: of the weights before the first step and after every EVERY steps.
    turn: the angle between the weights before and after a step, in degrees, over EVERY steps each.
    accuracy: on the test digits, after every EVERY steps.
    equilibrium: the angle at which decay and step keep the length, in degrees.
    """

    state: State
    length: np.ndarray
    turn: np.ndarray
    accuracy: np.ndarray
    equilibrium: float

    @property
    def turn_at_end(self) -> float:
        return root_mean_square(self.turn[-4:])


class WeightDecay(Lab):
    """Train one linear layer with BN behind it, and watch what weight decay does to its weights.

    Controls: rate and decay of gradient descent, start (the length of each unit's weights). The network reads
    the digits: ten units, BN with γ = 3 and β = 0, softmax. A step is w ← (1 − rate · decay) w − rate · dw.
    BN divides the length of w away, so only the direction of w counts. Decay makes w shorter and each step
    makes it longer. In the equilibrium of the two a step turns w by about √(2 · rate · decay).

    What surprises: three times the rate with a third of the decay ends with the same turn and, nearly, the
    same answers.

    >>> one, other = (WeightDecay(rate=r, decay=d, start=0.3).frame for r, d in ((0.3, 0.1), (3, 0.01)))
    >>> bool(abs(one.turn_at_end - other.turn_at_end) < 0.1)
    True
    """

    title = "What decay does in front of BN"
    look = (
        "Make the decay smaller: what becomes of turn and accuracy? Then take a smaller rate, and a "
        "decay that is larger by the same factor."
    )
    State = State
    panels = (1, 1, 1)

    def controls(self):
        return {
            "rate": controls.steps("Learning rate", "of gradient descent", RATES, 1.0),
            "decay": controls.steps("Weight decay", "0: none", DECAYS, 0.1),
            "start": controls.steps("Length at the start", "of the weights of each unit", STARTS, 1.0),
        }

    @staticmethod
    def compute(state):
        weights = _trained(state)
        length = np.sqrt(np.einsum("tij,tij->tj", weights, weights))
        cosine = np.einsum("tij,tij->tj", weights[:-1], weights[1:]) / (length[:-1] * length[1:])
        turn = np.degrees(np.arccos(np.minimum(cosine, 1)))
        return Frame(
            state,
            root_mean_square(length[::EVERY], axis=1),
            root_mean_square(turn.reshape(STEPS // EVERY, -1), axis=1),
            _accuracy(weights[EVERY::EVERY]),
            float(np.degrees(np.sqrt(2 * state.rate * state.decay))),
        )

    def background(self, axes, state):
        length, turn, accuracy = axes
        across = {"x": "step", "xlim": (0, STEPS)}
        figures.frame(length, title="Length of the weights", ylim=LENGTHS, log="y", **across)
        figures.frame(turn, title="Turn of a step, degrees", ylim=TURNS, log="y", **across)
        figures.frame(accuracy, title="Test accuracy, %", ylim=ACCURACIES, **across)
        figures.key(turn, {"data": "measured", "theory": "equilibrium"}, place="lower left")

    def draw(self, axes, frame):
        length, turn, accuracy = axes
        after = np.arange(0, STEPS + 1, EVERY)
        figures.curve(after, np.clip(frame.length, *LENGTHS), ax=length)
        figures.curve(after[1:] - EVERY / 2, np.clip(frame.turn, *TURNS), ax=turn)
        if frame.equilibrium:
            figures.curve([0, STEPS], [frame.equilibrium] * 2, ax=turn, role="theory")
        figures.curve(after[1:], np.clip(100 * frame.accuracy, *ACCURACIES), ax=accuracy)

    def read(self, frame):
        state, turn = frame.state, frame.turn_at_end
        where = "without decay there is no equilibrium"
        if state.decay:
            reached = turn < NEAR * frame.equilibrium and frame.equilibrium < NEAR * turn
            where = (
                f"the equilibrium is {frame.equilibrium:.1f}°, {'reached' if reached else 'not yet reached'}"
            )
        return (
            f"Rate {state.rate:g}, decay {state.decay:g}: in {STEPS} steps the length goes from "
            f"{state.start:g} to {frame.length[-1]:.2f}. At the end a step turns the weights by {turn:.1f}°; "
            f"{where}. Right answers to the test digits: {frame.accuracy[-1]:.0%}."
        )


def root_mean_square(values: np.ndarray, axis: int | None = None):
    return np.sqrt(np.mean(values**2, axis=axis))


def _trained(state: State) -> np.ndarray:
    """The weights before the first step and after each, (STEPS + 1, 64, CLASSES)."""
    keep, weights = 1 - state.rate * state.decay, [state.start * _directions()]
    for x, wanted in zip(*_batches(), strict=True):
        weights.append(keep * weights[-1] - state.rate * _gradient(weights[-1], x, wanted))
    return np.array(weights)


def _gradient(w: np.ndarray, x: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """dw of the mean cross-entropy; x has mean 0 in each column, so z has too. ε is nearly 0."""
    z = x @ w
    inv_std = 1 / np.sqrt(np.einsum("nc,nc->c", z, z) / BATCH_SIZE + 1e-12)
    x_hat = z * inv_std
    odds = np.exp(GAMMA * x_hat)
    dx_hat = GAMMA * (odds / odds.sum(axis=1, keepdims=True) - wanted) / BATCH_SIZE
    dz = inv_std * (dx_hat - x_hat * (np.einsum("nc,nc->c", dx_hat, x_hat) / BATCH_SIZE))
    return x.T @ dz  # the mean of dx̂ would add nothing: x has mean 0


def _accuracy(weights: np.ndarray) -> np.ndarray:
    """The share of right answers to the test digits, with the statistics of all training digits."""
    data, side_by_side = digits(dtype=np.float64), weights.transpose(1, 0, 2).reshape(64, -1)
    mean, covariance = _statistics()
    variance = np.einsum("ij,ij->j", side_by_side, covariance @ side_by_side)
    x_hat = (data.x_test - mean) @ side_by_side / np.sqrt(variance)
    answers = x_hat.reshape(len(data.x_test), -1, CLASSES).argmax(axis=2)
    return np.mean(answers == data.y_test[:, np.newaxis], axis=0)


@lru_cache(maxsize=1)
def _statistics() -> tuple[np.ndarray, np.ndarray]:
    """Mean (64,) and covariance (64, 64) of the training digits."""
    x = digits(dtype=np.float64).x_train
    return x.mean(axis=0), np.cov(x, rowvar=False, ddof=0)


@lru_cache(maxsize=1)
def _batches() -> tuple[np.ndarray, np.ndarray]:
    """The pictures of each step, minus their mean, (STEPS, BATCH_SIZE, 64), and what is wanted for each."""
    data, rng = digits(dtype=np.float64), np.random.default_rng(0)
    epochs = [rng.permutation(len(data.x_train)) for _ in range(STEPS * BATCH_SIZE // 1280 + 1)]
    rows = np.concatenate(epochs)[: STEPS * BATCH_SIZE].reshape(STEPS, BATCH_SIZE)
    x = data.x_train[rows]
    return x - x.mean(axis=1, keepdims=True), np.eye(CLASSES)[data.y_train[rows]]


@lru_cache(maxsize=1)
def _directions() -> np.ndarray:
    """Random weights of length 1 for each unit."""
    w = np.random.default_rng(1).standard_normal((64, CLASSES))
    return w / np.linalg.norm(w, axis=0)
