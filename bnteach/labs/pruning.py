"""The lab of pruning: which channels may go, how many are left, and what the network then still knows?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bnteach import figures
from bnteach.trials.slimming.thresholds import CutsAtThresholds, cut_at_thresholds, trained_network

from . import controls
from .lab import Lab

__all__ = ["Pruning"]

THRESHOLDS = (0.0, 0.01, 0.02, *(round(0.05 * step, 2) for step in range(1, 21)))
TRAININGS = {"with L1": True, "without L1": False}
MEASURES = {"within each layer": True, "in the whole network": False}


@dataclass(frozen=True)
class State:
    """training: a name from TRAININGS. measure: a name from MEASURES. threshold: on |γ| / largest |γ|."""

    training: str
    measure: str
    threshold: float


@dataclass(frozen=True)
class Frame:
    """cuts: what all thresholds would leave. here: the place of this one among `THRESHOLDS`."""

    state: State
    cuts: CutsAtThresholds
    here: int


class Pruning(Lab):
    """Cut the channels with a small γ out of a network that has learned the digits.

    Controls: training (with L1 on γ, or without), measure (with what a γ is compared: with the largest of its
    layer, or of the whole network), threshold (channels with a smaller share of that largest γ go). Each
    layer keeps at least one channel.

    On the left the sizes of all γ, a dot a channel; what lies in the gray part goes. In the middle
    how many channels stay. On the right what the network is worth then, without any fine-tuning.

    >>> lab = Pruning(training="with L1", measure="within each layer", threshold=0)
    >>> lab.frame.cuts.stays[0]
    array([16, 32, 64])
    """

    title = "Which channels can go"
    look = "Raise the threshold: how far does the accuracy hold? Then the same without L1."
    State = State
    panels = (1.15, 0.9, 1.15)
    size = (7.4, 2.9)

    def __init__(self, **start):
        for training in TRAININGS:  # some seconds now, so that no slider has to wait later
            for measure in MEASURES:
                _cuts(training, measure)
        super().__init__(**start)

    def controls(self):
        return {
            "training": controls.choice("Trained", "the penalty on γ", list(TRAININGS), "with L1"),
            "measure": controls.choice(
                "Compare γ", "with the largest of what", list(MEASURES), "within each layer"
            ),
            "threshold": controls.steps("Threshold", "channels with a smaller γ go", THRESHOLDS, 0.02),
        }

    @staticmethod
    def compute(state):
        return Frame(state, _cuts(state.training, state.measure), THRESHOLDS.index(state.threshold))

    def background(self, axes, state):
        histograms, channels, worth = axes
        whole = _cuts(state.training, state.measure).stays[0]
        layers = np.arange(1, len(whole) + 1)
        sides = {"xlim": (0.45, len(whole) + 0.55), "x": "layer"}
        figures.frame(histograms, title="|γ| / largest |γ|", ylim=(-0.02, 1.02), **sides)
        figures.frame(channels, title="Channels that stay", ylim=(0, 1.18 * whole.max()), **sides)
        figures.frame(worth, title="Not fine-tuned, %", x="threshold", xlim=(0, 1), ylim=(0, 165))
        for ax in (histograms, channels):
            ax.set_xticks(layers)
            ax.grid(False, axis="x")
        channels.bar(layers, whole, width=0.7, facecolor="#F2F2F2", edgecolor="#8A8A8A", zorder=1)
        histograms.set_yticks([0, 0.25, 0.5, 0.75, 1])
        channels.set_yticks(np.linspace(0, whole.max(), 5).astype(int))
        worth.set_yticks([0, 25, 50, 75, 100])
        names = {"unbiased": "accuracy", "biased": "constants thrown away", "before": "multiply-adds"}
        figures.key(worth, names, place="upper right")

    def draw(self, axes, frame):
        histograms, channels, worth = axes
        there, threshold = frame.cuts, frame.state.threshold
        histograms.axhspan(-0.02, threshold, color="#D0D0D0", linewidth=0, zorder=1)
        figures.strips([(sizes, "data") for sizes in there.sizes], limits=(0, 1), ax=histograms)
        histograms.axhline(threshold, color="black", linewidth=1.5, zorder=3)
        stays = there.stays[frame.here]
        layers = np.arange(1, len(stays) + 1)
        channels.bar(layers, stays, width=0.7, color=figures.role("data").color, zorder=3)
        for layer, top, count in zip(layers, there.stays[0], stays, strict=True):
            channels.text(layer, top + 1, str(count), ha="center", va="bottom", weight="bold", zorder=4)
        share = 100 * there.multiply_adds / there.multiply_adds[0]
        lines = {"before": share, "biased": there.without_constants, "unbiased": there.accuracy}
        for role, values in lines.items():
            figures.curve(THRESHOLDS, values, ax=worth, role=role)
        look = figures.role("unbiased")
        worth.axvline(threshold, ymax=100 / 165, color="black", linewidth=1.5, zorder=3)
        at = there.accuracy[frame.here]
        worth.plot([threshold], [at], marker=look.marker, ms=9, color=look.color, mec="white", zorder=6)

    def read(self, frame):
        there, here, state = frame.cuts, frame.here, frame.state
        stays, whole = there.stays[here], there.stays[0]
        layers = ", ".join(f"{some} of {every}" for some, every in zip(stays, whole, strict=True))
        return (
            f"Trained {state.training}, γ compared {state.measure}, threshold {state.threshold:g}: "
            f"{stays.sum()} of {whole.sum()} channels stay ({layers}). Accuracy without fine-tuning "
            f"{there.accuracy[here]:.1f} %, with the constants thrown away "
            f"{there.without_constants[here]:.1f} %; of the whole network {there.accuracy[0]:.1f} %. "
            f"{_of(there.parameters, here)} parameters, {_of(there.multiply_adds, here)} multiply-adds."
        )


def _of(counts: np.ndarray, here: int) -> str:
    return f"{counts[here]:,} of {counts[0]:,}".replace(",", "\u202f")


@lru_cache(maxsize=len(TRAININGS) * len(MEASURES))
def _cuts(training: str, measure: str) -> CutsAtThresholds:
    return cut_at_thresholds(trained_network(TRAININGS[training]), THRESHOLDS, in_layer=MEASURES[measure])
