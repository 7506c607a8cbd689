"""The lab of running statistics: what the layer keeps for evaluation, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

import bnteach
from bnteach import figures

from . import controls
from .lab import Lab

__all__ = ["RunningStats"]

BATCHES = 100
SIZES = (2, 4, 8, 16, 32, 64, 256)
CUMULATIVE = "None"  # the word for momentum=None: to a widget, the value None means that nothing is chosen
MOMENTA = [("0", 0.0), ("0.01", 0.01), ("0.1", 0.1), ("0.5", 0.5), ("1", 1.0), ("None (average)", CUMULATIVE)]
DATA = [("stay the same", "same"), ("drift", "drift"), ("jump at batch 40", "jump")]
SAMPLE = 7.0
MEANS, VARIANCES, OUTPUTS = (-1.0, 16.0), (0.0, 15.0), (-3.0, 7.5)
NAMES = {"batch": "each batch", "with_bn": "running", "truth": "truth"}
OUTPUT_NAMES = {"batch": "in training", "with_bn": "in evaluation"}


@dataclass(frozen=True)
class State:
    """batches: how many have been seen. momentum: as BatchNorm takes it. data: same, drift or jump."""

    batches: int
    momentum: float | None
    batch_size: int
    data: str


@dataclass(frozen=True)
class Frame:
    """What `RunningStats` shows after t batches.

    means, biased, unbiased: of each batch, (t,). train: the sample's output as a member of each, (t,).
    running_mean, running_var, evaluated: before the first batch and after each, (t + 1,); `evaluated` is
    the sample's output in evaluation.
    true_mean, true_var: of the population that each batch comes from, (BATCHES,); true_output: what the
    sample would give with them.
    """

    state: State
    means: np.ndarray
    biased: np.ndarray
    unbiased: np.ndarray
    train: np.ndarray
    running_mean: np.ndarray
    running_var: np.ndarray
    evaluated: np.ndarray
    true_mean: np.ndarray
    true_var: np.ndarray
    true_output: np.ndarray


class RunningStats(Lab):
    """Feed a `BatchNorm` layer batch by batch, and watch its running statistics follow the truth.

    Controls: batches (drag it, or press play), momentum (None is the plain average of all batches so far),
    batch_size, data. A button goes on by one batch. On the right, one sample of value 7: in training its
    output depends on its batch, in evaluation on what is kept.

    What surprises: a batch is normalized with the variance divided by N, but the one divided by N − 1 is
    kept. In training, the sample takes the place of the first value of each batch; what is kept never saw it.

    >>> lab = RunningStats(momentum=1.0, batch_size=4)
    >>> bool(lab.frame.running_mean[-1] == lab.frame.means[-1])
    True
    >>> lab.set(momentum=None, batches=10)
    >>> bool(abs(lab.frame.running_mean[-1] - lab.frame.means.mean()) < 1e-12)
    True
    """

    title = "The running statistics follow the batches"
    look = (
        "Press play, or drag the batches. With which momentum is the running mean first near the truth, and "
        "with which is its line smoothest? Let the data jump: which momentum is slow to follow? On the "
        "right: the output for one sample."
    )
    State = State
    panels = (1, 1, 1)
    recorded: ClassVar = {"batch_size": (2, 8, 32, 256)}

    def controls(self):
        return {
            "batches": controls.whole_slider("Batches seen", "how far the training has come", 0, BATCHES, 60),
            "momentum": controls.choice("Momentum", "the weight of the new batch", MOMENTA, 0.1),
            "batch_size": controls.steps("Batch size", "values in each batch", SIZES, 8),
            "data": controls.choice("The data", "mean and variance of the population", DATA, "same"),
        }

    def make_buttons(self):
        return [
            controls.Button("Play", "batch after batch", plays="batches"),
            controls.Button("Next batch", "one batch further", moves={"batches": 1}),
        ]

    def set(self, **values) -> None:
        if values.get("momentum", 0) is None:
            values["momentum"] = CUMULATIVE
        super().set(**values)

    def state_of(self, values):
        momentum = None if values["momentum"] == CUMULATIVE else values["momentum"]
        return State(**{**values, "momentum": momentum})

    @staticmethod
    def compute(state):
        t = state.batches
        course = _course(state.momentum, state.batch_size, state.data)
        seen = {name: values[:t] for name, values in course["batch"].items()}
        kept = {name: values[: t + 1] for name, values in course["kept"].items()}
        mean, std = _truth(state.data)
        return Frame(
            state, **seen, **kept, true_mean=mean, true_var=std**2, true_output=(SAMPLE - mean) / std
        )

    def background(self, axes, state):
        mean, var, output = axes
        across = {"x": "batch", "xlim": (0, BATCHES + 2)}
        figures.frame(mean, title="Mean", ylim=MEANS, **across)
        figures.frame(var, title="Variance (by N − 1)", ylim=VARIANCES, **across)
        figures.frame(output, title=f"Output for x = {SAMPLE:g}", ylim=OUTPUTS, **across)
        mean.set_yticks([0, 5, 10, 15])
        var.set_yticks([0, 5, 10, 15])
        figures.key(mean, NAMES, markers=True, place="upper left")
        figures.key(output, OUTPUT_NAMES, markers=True, place="upper right")

    def draw(self, axes, frame):
        mean, var, output = axes
        look = {"each_role": "batch"}
        figures.stream(frame.means, frame.running_mean, frame.true_mean, limits=MEANS, ax=mean, **look)
        figures.stream(frame.unbiased, frame.running_var, frame.true_var, limits=VARIANCES, ax=var, **look)
        figures.stream(frame.train, frame.evaluated, frame.true_output, limits=OUTPUTS, ax=output, **look)

    def read(self, frame):
        t = frame.state.batches
        now = max(0, t - 1)  # before the first batch, the truth is that of the first
        running = (
            f"running mean {frame.running_mean[-1]:.2f} (truth {frame.true_mean[now]:.2f}), "
            f"running variance {frame.running_var[-1]:.2f} (truth {frame.true_var[now]:.2f})"
        )
        evaluated = f"{frame.evaluated[-1]:.2f} in evaluation (truth {frame.true_output[now]:.2f})"
        if t == 0:
            return f"No batch yet: {running}. The sample {SAMPLE:g} gives {evaluated}."
        momentum = "None" if frame.state.momentum is None else f"{frame.state.momentum:g}"
        return (
            f"{t} {'batch' if t == 1 else 'batches'} of {frame.state.batch_size}, momentum {momentum}: "
            f"{running}. The sample {SAMPLE:g} gives {frame.train[-1]:.2f} in training, with this batch, "
            f"and {evaluated}. This batch is normalized with its variance divided by N, "
            f"{frame.biased[-1]:.2f}; the variance divided by N − 1, {frame.unbiased[-1]:.2f}, enters the "
            "running variance."
        )


@lru_cache(maxsize=8)
def _course(momentum: float | None, batch_size: int, data: str) -> dict[str, dict[str, np.ndarray]]:
    """All 100 batches: what each one says, and what the layer keeps and answers."""
    layer = bnteach.BatchNorm(1, momentum=momentum, dtype=np.float64)
    sample, rows, kept = np.array([[SAMPLE]]), [], [_kept(layer, np.array([[SAMPLE]]))]
    for batch in _batches(data)[:, :batch_size, np.newaxis]:
        with_sample = np.concatenate([sample, batch[1:]])
        train = bnteach.batch_norm_forward(with_sample, None, None)[0][0, 0]
        layer.forward(batch)
        rows.append((batch.mean(), batch.var(), batch.var(ddof=1), train))
        kept.append(_kept(layer, sample))
    return {
        "batch": dict(zip(("means", "biased", "unbiased", "train"), np.array(rows).T, strict=True)),
        "kept": dict(zip(("running_mean", "running_var", "evaluated"), np.array(kept).T, strict=True)),
    }


def _kept(layer: bnteach.BatchNorm, sample: np.ndarray) -> tuple[float, float, float]:
    """The running statistics, and the sample's output in evaluation."""
    return layer.running_mean[0], layer.running_var[0], layer.forward(sample, training=False)[0, 0]


@lru_cache(maxsize=3)
def _batches(data: str) -> np.ndarray:
    """(BATCHES, 256) values. A small batch is the beginning of a larger one."""
    mean, std = _truth(data)
    standard = np.random.default_rng(2).standard_normal((BATCHES, SIZES[-1]))
    return mean[:, np.newaxis] + std[:, np.newaxis] * standard


def _truth(data: str) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the standard deviation of the population that each batch is drawn from, (BATCHES,)."""
    batch = np.arange(1, BATCHES + 1)
    far = {"same": 0.0 * batch, "drift": (batch - 1) / (BATCHES - 1), "jump": 1.0 * (batch >= 40)}[data]
    return 5 + 3 * far, 2 + far
