"""The lab of axes: which values share one mean, in each norm and each layout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnteach import figures

from . import controls, digit_maps
from .digit_maps import H, W
from .lab import Lab

__all__ = ["WhichValues"]

N, C = digit_maps.SAMPLES, digit_maps.CHANNELS
CONTRASTS = (0.1, 0.25, 0.5, 1.0)
NORMS = ("batch", "layer", "instance", "group")
LAYOUTS = ("NCHW", "NHWC")
FURTHEST = 3.0  # how much a value of x̂ may change in the picture

# The means in NumPy; the second line where the channels have to be split first.
MEANS = {
    ("batch", "NCHW"): "x.mean(axis=(0, 2, 3))",
    ("batch", "NHWC"): "x.mean(axis=(0, 1, 2))",
    ("layer", "NCHW"): "x.mean(axis=(1, 2, 3))",
    ("layer", "NHWC"): "x.mean(axis=(1, 2, 3))",
    ("instance", "NCHW"): "x.mean(axis=(2, 3))",
    ("instance", "NHWC"): "x.mean(axis=(1, 2))",
    ("group", "NCHW"): "x.reshape(N, G, C // G, H, W)\n.mean(axis=(2, 3, 4))",
    ("group", "NHWC"): "x.reshape(N, H, W, G, C // G)\n.mean(axis=(1, 2, 4))",
}
ONE_FOR = {
    "batch": "one for each channel",
    "layer": "one for each sample",
    "instance": "one for each channel of each sample",
    "group": "one for each of 2 groups of channels of each sample",
}


@dataclass(frozen=True)
class State:
    """norm, layout; sample, channel, position: the chosen value, from 0; contrast: of the chosen digit."""

    norm: str
    layout: str
    sample: int
    channel: int
    position: int
    contrast: float


@dataclass(frozen=True)
class Frame:
    """What `WhichValues` shows.

    Attributes:
        state: of the controls.
        shared: which values of x share their mean with the chosen one, in the order of the layout:
            (N, C, H, W) or (N, H, W, C).
        chosen: the index of the chosen value in it.
        means: how many means there are.
        digits: the digits that x was made of, the chosen one dimmed, (N, 8, 8).
        moved: how far the contrast has moved the values x̂ of each digit, the largest of each, (N,).
    """

    state: State
    shared: np.ndarray
    chosen: tuple[int, int, int, int]
    means: int
    digits: np.ndarray
    moved: np.ndarray


class WhichValues(Lab):
    """Choose a value of a batch of images and see which others share its mean and its variance.

    Controls: norm, layout; sample, channel and position choose the value; contrast dims the chosen digit.
    Left the batch x in the order of its axes: 3 samples (digits), 4 channels (filters), 2 x 3 positions.
    Right the digits themselves, and how much their x̂ changes when one of them is dimmed.

    Layer normalization is taken over channels and positions of a sample, as it is in the figure of Wu & He
    (2018). In a transformer it runs over the channels of each position alone.

    >>> lab = WhichValues(norm="batch", layout="NCHW")
    >>> int(lab.frame.shared.sum()), lab.frame.means
    (18, 4)
    """

    title = "Which values share one mean"
    look = (
        "Blue: the values that share their mean with the orange one. Change the norm. One digit is dimmed: "
        "under which norms does its own x̂ change, and under which that of the others, too?"
    )
    State = State
    panels = (1.4, 1)

    def controls(self):
        return {
            "norm": controls.choice("Normalization", "which values are taken together", NORMS, "batch"),
            "layout": controls.choice("Layout", "the order of the axes", LAYOUTS, "NCHW"),
            "sample": controls.whole_slider("Sample", "of the chosen value", 0, N - 1, 1),
            "channel": controls.whole_slider("Channel", "of the chosen value", 0, C - 1, 2),
            "position": controls.whole_slider("Position", "of the chosen value", 0, H * W - 1, 4),
            "contrast": controls.steps("Contrast of this digit", "1 is as it was", CONTRASTS, 0.25),
        }

    @staticmethod
    def compute(state):
        mean_of = _mean_of(state.norm)
        place = state.sample, state.channel, *divmod(state.position, W)
        shared, order = mean_of == mean_of[place], [0, 1, 2, 3]
        if state.layout == "NHWC":
            order = [0, 2, 3, 1]
        after = digit_maps.normalized(state.norm, state.sample, state.contrast)
        return Frame(
            state,
            shared=shared.transpose(order),
            chosen=tuple(place[axis] for axis in order),
            means=int(mean_of.max()) + 1,
            digits=digit_maps.pictures(state.sample, state.contrast),
            moved=np.abs(after - digit_maps.normalized(state.norm)).max(axis=(1, 2, 3)),
        )

    def backdrop(self, state):
        return state.layout

    def background(self, axes, state):
        tensor, digits = axes
        rows, columns, down, across = C, H * W, "channel", "position"
        if state.layout == "NHWC":
            rows, columns, down, across = columns, rows, across, down
        figures.blocks(N, rows, columns, ax=tensor)
        title = f"x in {state.layout}: {down}s down, {across}s across"
        figures.frame(tensor, title=title, y=down, ylim=(1.42 * rows, -0.12 * rows))
        starts = np.arange(N)[:, np.newaxis] * (columns + 1)
        middles = (starts + np.arange(columns) + 0.5).ravel()
        figures.numbers([*map(str, range(columns))] * N, middles, [-0.06 * rows] * len(middles), ax=tensor)
        x = "largest change of x̂ in the digit"
        figures.frame(
            digits, title="The chosen sample is dimmed", x=x, xlim=(-1.1, FURTHEST), ylim=(N, -0.12)
        )
        digits.set(xticks=[0, 1, 2], yticks=np.arange(N) + 0.44, yticklabels=range(N), ylabel="sample")
        digits.axvline(0, color="#555555", linewidth=1)
        digits.grid(False, axis="y")

    def draw(self, axes, frame):
        tensor, digits = axes
        s, cells = frame.state, _cells(frame.shared, frame.state.layout)
        figures.shared_values(cells, _cell(s), ax=tensor)
        words = [
            f"{frame.means} means, {frame.shared.sum()} values each",
            *MEANS[s.norm, s.layout].split("\n"),
        ]
        heights = cells.shape[1] * np.linspace(1.1, 1.34, 3)[: len(words)]
        figures.numbers(words, [0.3] * len(words), heights, ax=tensor, align="left")
        figures.gray_pictures(frame.digits, left=-1.0, ax=digits)
        middles = np.arange(N) + 0.44
        digits.barh(middles, frame.moved, height=0.5, color=figures.role("population").color, zorder=2)
        figures.numbers(
            [f"{size:.2f}" for size in frame.moved], frame.moved + 0.1, middles, ax=digits, align="left"
        )

    def read(self, frame):
        s, count = frame.state, int(frame.shared.sum())
        code = MEANS[s.norm, s.layout].replace("\n", "")
        index = ", ".join(map(str, frame.chosen))
        return (
            f"{s.norm.capitalize()} normalization, x in {s.layout} of shape {frame.shared.shape}: "
            f"{frame.means} means, {ONE_FOR[s.norm]}, of {count} values each: {code}. The value at sample "
            f"{s.sample}, channel {s.channel}, position {s.position} is x[{index}]. {_told(frame)}"
        )


def _mean_of(norm: str) -> np.ndarray:
    """The number of the mean that each value belongs to, (N, C, H, W)."""
    n, c, _, _ = np.indices((N, C, H, W))
    numbers = {
        "batch": c,
        "layer": n,
        "instance": n * C + c,
        "group": n * digit_maps.GROUPS + c // (C // digit_maps.GROUPS),
    }
    return numbers[norm]


def _cells(values: np.ndarray, layout: str) -> np.ndarray:
    """(N, C, H·W) or (N, H·W, C): rows and columns as they lie in memory."""
    return values.reshape((N, C, H * W) if layout == "NCHW" else (N, H * W, C))


def _cell(state: State) -> tuple[int, int, int]:
    """The chosen value among these cells."""
    s = state
    return (s.sample, s.channel, s.position) if s.layout == "NCHW" else (s.sample, s.position, s.channel)


def _told(frame: Frame) -> str:
    s = frame.state
    if s.contrast == 1:
        return "The digits are as they were."
    own, others = frame.moved[s.sample], np.delete(frame.moved, s.sample).max()
    return (
        f"Digit {s.sample} was dimmed to {s.contrast:g} of its contrast. After the norm its own values have "
        f"changed by up to {own:.2f}, those of the other digits by up to {others:.2f}."
    )
