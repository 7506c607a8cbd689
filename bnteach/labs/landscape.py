"""The lab of the loss along its gradient: how far may a step go, with batch normalization and without?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bnteach import figures
from bnteach.trials.claims.landscape import Slice
from bnteach.trials.claims.snapshots import SNAPSHOT_STEPS, Snapshots, landscape_snapshots

from . import controls
from .lab import Lab

__all__ = ["Landscape"]

RATES = tuple(
    float(f"{base * 10.0**power:.2g}") for power in (-2, -1, 0, 1) for base in (1, 1.5, 2.2, 3.3, 4.7, 6.8)
)[:21]
NETWORKS = {
    "ReLU, 3 layers": {"activation": "ReLU", "layers": 3},
    "ReLU, 8 layers": {"activation": "ReLU", "layers": 8},
    "tanh, 8 layers": {"activation": "tanh", "layers": 8},
}
ROLES = "without_bn", "with_bn"
MARKED_RATES = (0.01, 0.1, 1, 10)
TOP = 5.0  # the highest loss that is shown


@dataclass(frozen=True)
class State:
    """network: a name from NETWORKS. step: training steps done. rate: learning rate of the next step."""

    network: str
    step: int
    rate: float


@dataclass(frozen=True)
class Frame:
    """What `Landscape` shows of both networks, without BN first.

    slices: loss and gradient along the gradient. here: the place of the rate among `RATES`.
    losses: of the training, (2, steps).
    """

    state: State
    slices: tuple[Slice, Slice]
    here: int
    losses: np.ndarray


class Landscape(Lab):
    """Stand in the loss landscape of two real networks, and look along the gradient before you step.

    Controls: network, step (how long both networks have been training), rate (the learning rate of the step
    that you try). Both networks start from the same weights and see the same batches; they differ in batch
    normalization alone. The step is not made: it is only looked at, on one batch of 60 digits.

    On the left the loss after such a step. In the middle the cosine of the angle between the gradient here
    and the gradient there: 1 means that the gradient still points the same way, below 0 that one has gone too
    far. On the right the training, and where in it we stand.

    >>> lab = Landscape(network="ReLU, 3 layers", step=20, rate=0.1)
    >>> lab.frame.slices[1].start < lab.frame.slices[0].start
    True
    """

    title = "How far a step may go"
    look = "Make the step larger: which network tolerates more? Then look at a later step of the training."
    State = State
    panels = (1.1, 1.1, 1)

    def __init__(self, **start):
        for network in NETWORKS:  # a second or two now, so that no slider has to wait later
            _both(network)
        super().__init__(**start)

    def controls(self):
        return {
            "network": controls.choice(
                "Network", "both have it, one with BN", list(NETWORKS), "ReLU, 3 layers"
            ),
            "step": controls.steps("Training steps done", "how long both have learned", SNAPSHOT_STEPS, 20),
            "rate": controls.steps("Learning rate of the next step", "how far it goes", RATES, 0.1),
        }

    @staticmethod
    def compute(state):
        place, both = SNAPSHOT_STEPS.index(state.step), _both(state.network)
        slices = tuple(snapshots.slices[place] for snapshots in both)
        losses = np.stack([snapshots.loss for snapshots in both])
        return Frame(state, slices, RATES.index(state.rate), losses)

    def background(self, axes, state):
        loss, angle, training = axes
        far = {"x": "learning rate", "xlim": (RATES[0], RATES[-1]), "log": "x"}
        figures.frame(loss, title="Loss after the step", ylim=(0, TOP), **far)
        figures.frame(angle, title="Cosine of the gradients", ylim=(-1.05, 1.05), **far)
        angle.axhline(0, color="black", linewidth=1)
        angle.text(RATES[0] * 1.1, -0.04, "perpendicular", va="top", fontsize=8)
        for ax in (loss, angle):
            ax.set_xticks(MARKED_RATES, MARKED_RATES)
            ax.minorticks_off()
        figures.frame(training, title="Loss in training", x="step", xlim=(0, SNAPSHOT_STEPS[-1]), ylim=(0, 3))
        figures.key(loss, {"with_bn": "with BN", "without_bn": "without"}, markers=True, place="upper left")

    def draw(self, axes, frame):
        loss, angle, training = axes
        for role, there, losses in zip(ROLES, frame.slices, frame.losses, strict=True):
            figures.curve(RATES, there.loss, top=TOP, ax=loss, role=role)
            figures.curve(RATES, there.cosine, ax=angle, role=role)
            figures.curve(np.arange(1, len(losses) + 1), losses, top=3, ax=training, role=role)
            at = there.rates[frame.here]
            mark = {"role": role, "size": 10, "mec": "white", "zorder": 6}
            figures.dots([at], [there.loss[frame.here]], limits=(0, TOP), ax=loss, **mark)
            figures.dots([at], [there.cosine[frame.here]], limits=(-1, 1), ax=angle, **mark)
            if (far := _farthest(there)) is not None:
                loss.axvline(far, color=figures.role(role).color, linestyle=":", linewidth=1.5)
        training.axvline(frame.state.step, color="black", linewidth=1.5)
        offset, side = (3, "left") if frame.state.step < 100 else (-3, "right")
        training.text(frame.state.step + offset, 2.9, "here", ha=side, va="top", fontsize=9)

    def read(self, frame):
        without, with_bn = (_words(there, frame.here) for there in frame.slices)
        return (
            f"{frame.state.network}, after {frame.state.step} steps, looking {frame.state.rate:g} ahead. "
            f"Without BN {without}. With BN {with_bn}."
        )


def _words(there: Slice, here: int) -> str:
    """One network's loss, cosine and reach, in words."""
    loss, cosine = there.loss[here], there.cosine[here]
    after = f"{loss:.2f}" if loss < 100 else "more than 100"
    direction = f"cosine {round(cosine, 2) + 0.0:.2f}" if np.isfinite(cosine) else "no gradient there"
    return f"the loss goes from {there.start:.2f} to {after}, {direction}; {_reach(there)}"


def _reach(there: Slice) -> str:
    farthest = _farthest(there)
    if farthest is None:
        return f"even a step of {there.rates[0]:g} does not lower it"
    if farthest == there.rates[-1]:
        return f"every step up to {farthest:g} lowers it"
    return f"steps up to {farthest:g} lower it"


def _farthest(there: Slice) -> float | None:
    """The largest rate up to which every step lowers the loss; None if the first does not."""
    higher = np.flatnonzero(~(there.loss < there.start))
    if not len(higher):
        return float(there.rates[-1])
    return float(there.rates[higher[0] - 1]) if higher[0] else None


@lru_cache(maxsize=len(NETWORKS))
def _both(network: str) -> tuple[Snapshots, Snapshots]:
    return landscape_snapshots(RATES, **NETWORKS[network])
