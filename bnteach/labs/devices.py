"""The lab of shares: each device normalizes its own part of a batch, and SyncBN the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import bnteach
from bnteach import figures

from . import controls
from .lab import Lab

__all__ = ["Devices"]

COUNTS = (1, 2, 4, 8, 16)
SORTED = (0, 25, 50, 75, 100)
LIMITS, SHOWN = (0.0, 10.0), (-3.2, 3.2)  # of x, of x̂
BATCH = np.sort(np.random.default_rng(0).normal(5, 2, size=32))
LUCK = np.random.default_rng(1).permutation(len(BATCH))  # the place of each value in a shuffled batch


@dataclass(frozen=True)
class State:
    """devices: how many share the batch. how_sorted: from 0, shuffled, to 100, the small values first."""

    devices: int
    how_sorted: int


@dataclass(frozen=True)
class Frame:
    """What `Devices` shows: values and normalized values, each (devices, values of a share).

    alone: normalized by the share's own statistics. together: by those of the whole batch.
    """

    state: State
    x: np.ndarray
    alone: np.ndarray
    together: np.ndarray

    @property
    def turned_round(self) -> float:
        """The share of all pairs whose order is another one after each device normalized alone."""
        order = [np.sign(np.subtract.outer(a.ravel(), a.ravel())) for a in (self.x, self.alone)]
        pairs = np.triu_indices(len(BATCH), 1)
        return float(np.mean(order[0][pairs] * order[1][pairs] < 0))


class Devices(Lab):
    """Share a batch of 32 values among devices: what x̂ does each value get?

    Controls: devices, how_sorted. Alone, each device uses the mean and the standard deviation of its share,
    so it has a line of its own. SyncBN uses those of all values, so there is one line.

    What surprises: shuffling makes the lines alike only while the shares are large. Two values on each device
    become −1 and +1, whatever they are.

    >>> lab = Devices(devices=2, how_sorted=100)
    >>> lab.frame.x.shape
    (2, 16)
    >>> bool(lab.frame.turned_round > 0.25)
    True
    """

    title = "Each device has a line of its own"
    look = "Take more devices, then shuffle the batch. When do the blue lines come near the black one?"
    State = State
    panels = (1, 1.2)

    def controls(self):
        return {
            "devices": controls.steps("Devices", "each gets the same number of values", COUNTS, 2),
            "how_sorted": controls.steps("How sorted (%)", "0 is shuffled", SORTED, 100),
        }

    @staticmethod
    def compute(state):
        places = np.arange(len(BATCH))
        share = state.how_sorted / 100
        order = np.argsort(share * places + (1 - share) * LUCK, kind="stable")
        x = BATCH[order].reshape(state.devices, -1)
        alone = bnteach.batch_norm_forward(x.T, None, None)[0].T
        together = bnteach.batch_norm_forward(x.reshape(-1, 1), None, None)[0].reshape(x.shape)
        return Frame(state, x, alone, together)

    def background(self, axes, state):
        shares, lines = axes
        across = {"x": "values, device by device", "xlim": (0, 1)}
        figures.frame(shares, title="Shares", y="x", ylim=LIMITS, **across)
        shares.set_xticks([])
        shares.axhline(BATCH.mean(), color="black", linewidth=2)
        figures.key(shares, {"with_bn": "mean of a share", "truth": "mean of all"}, place="upper left")
        figures.frame(lines, title="Normalized", x="x", y="x̂", xlim=LIMITS, ylim=SHOWN)
        figures.key(lines, {"data": "each device alone", "truth": "SyncBN"}, place="upper left")

    def draw(self, axes, frame):
        shares, lines = axes
        devices, each = frame.x.shape
        for rank, (values, x_hat) in enumerate(zip(frame.x, frame.alone, strict=True)):
            figures.dots((rank + np.linspace(0.15, 0.85, each)) / devices, values, limits=LIMITS, ax=shares)
            ends = np.array([rank + 0.08, rank + 0.92]) / devices
            figures.curve(ends, np.full(2, values.mean()), ax=shares, role="with_bn")
            order = np.argsort(values)
            figures.curve(values[order], x_hat[order], ax=lines)
            figures.dots(values, x_hat, limits=SHOWN, ax=lines, size=5)
        figures.curve(BATCH, np.sort(frame.together.ravel()), ax=lines, role="truth")

    def read(self, frame):
        means, each = frame.x.mean(axis=1), frame.x.shape[1]
        if frame.state.devices == 1:
            return f"One device has all {each} values, with the mean {means[0]:.2f}: SyncBN changes nothing."
        off = np.abs(frame.alone - frame.together).max()
        return (
            f"{frame.state.devices} devices with {each} values each, {frame.state.how_sorted} % sorted. The "
            f"means of the shares: {means.min():.2f} to {means.max():.2f}; of the whole batch: "
            f"{BATCH.mean():.2f}. Alone, x̂ is off from SyncBN's by up to {off:.2f}, and "
            f"{100 * frame.turned_round:.0f} % of all pairs of values have their order turned round."
        )
