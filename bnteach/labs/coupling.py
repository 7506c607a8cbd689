"""The lab of neighbors: in batch normalization the samples of a batch depend on each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import bnteach
from bnteach import figures

from . import controls
from .lab import Lab

__all__ = ["Coupling"]

BATCH = np.array([1.0, -0.5, 2.0, 0.0, 1.5, -1.5, 0.5, -1.0])
SHOWN = (-3.1, 3.1)  # of x̂; in training no x̂ of eight samples can leave ±√7 = 2.65
MODES = [("this batch (training)", "training"), ("stored statistics (evaluation)", "evaluation")]


@dataclass(frozen=True)
class State:
    """sample: the number, from 1, of the sample that is moved. value: where to. mode: whose statistics."""

    sample: int
    value: float
    mode: str


@dataclass(frozen=True)
class Frame:
    """What `Coupling` shows: the batch and its normalized values, before the move and after, each (8,)."""

    moved: int  # index from 0
    x: np.ndarray
    normalized: np.ndarray
    normalized_before: np.ndarray
    mean: float  # used to normalize x
    std: float

    @property
    def others_moved(self) -> np.ndarray:
        """How far each of the seven other normalized values went, (7,)."""
        return np.delete(np.abs(self.normalized - self.normalized_before), self.moved)


class Coupling(Lab):
    """Move one sample of a batch of eight and watch the normalized values of the seven others.

    Controls: sample, value, mode. In training the mean and the variance belong to the batch, so all eight
    move. In evaluation stored numbers take their place (here: those of the batch before the move), and the
    neighbors stay where they are.

    >>> lab = Coupling(sample=3, value=6.0)
    >>> bool(lab.frame.others_moved.min() > 0)
    True
    >>> lab.set(mode="evaluation")
    >>> bool(lab.frame.others_moved.max() == 0)
    True
    """

    title = "Samples of a batch are not independent"
    look = (
        "Move one sample. An arrow leads from where a sample was to where it is now: who moves on the right?"
    )
    State = State
    panels = (1, 1)

    def controls(self):
        return {
            "sample": controls.whole_slider("Sample to move", "which of the eight", 1, len(BATCH), 3),
            "value": controls.slider("Its value", "where the sample is put", -6, 6, 5, step=0.25),
            "mode": controls.choice("Normalize with", "whose mean and variance", MODES, "training"),
        }

    @staticmethod
    def compute(state):
        moved, x = state.sample - 1, BATCH.copy()
        x[moved] = state.value
        before, mean, var = _normalize(BATCH)
        if state.mode == "training":
            normalized, mean, var = _normalize(x)
        else:
            stored = np.array([mean]), np.array([var])
            normalized = bnteach.batch_norm_inference(x[:, np.newaxis], None, None, *stored)[:, 0]
        return Frame(moved, x, normalized, before, mean, var**0.5)

    def background(self, axes, state):
        before, after = axes
        figures.frame(before, title="Input x: one sample is moved", x="sample", xlim=(0.4, 9.2), ylim=(-7, 7))
        figures.frame(after, title="Normalized x̂: who moves?", x="sample", xlim=(0.4, 9.2), ylim=(-3.5, 3.5))
        for ax in axes:
            ax.set_xticks(range(1, len(BATCH) + 1))
            ax.axhline(0, color="#555555", linewidth=1)

    def draw(self, axes, frame):
        before, after = axes
        figures.moves(BATCH, frame.x, ax=before)
        figures.batch_values(frame.x, marked=frame.moved, ax=before)
        figures.moves(frame.normalized_before, frame.normalized, limits=SHOWN, ax=after)
        figures.batch_values(frame.normalized, marked=frame.moved, limits=SHOWN, ax=after)

    def read(self, frame):
        sample, was, now = frame.moved + 1, BATCH[frame.moved], frame.x[frame.moved]
        used = f"Normalized with mean {frame.mean:.2f}, standard deviation {frame.std:.2f}."
        if was == now:
            return f"Sample {sample} is where it was, at {was:g}: nothing has moved. {used}"
        furthest = frame.others_moved.max()
        if furthest == 0:
            return f"Sample {sample} went from {was:g} to {now:g}. No other x̂ moved. {used}"
        return (
            f"Sample {sample} went from {was:g} to {now:g}. The seven others were not touched, "
            f"yet their x̂ moved, by up to {furthest:.2f}. {used}"
        )


def _normalize(x: np.ndarray) -> tuple[np.ndarray, float, float]:
    """x̂ of one channel, and the batch's mean and variance."""
    normalized, cache = bnteach.batch_norm_forward(x[:, np.newaxis], None, None)
    return normalized[:, 0], float(cache.mean[0]), float(cache.var[0])
