"""The lab of two networks that learn the same digits, live: one with batch normalization, one without."""

from __future__ import annotations

import asyncio
import math
import time
import weakref
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from bnteach import figures
from bnteach.trials.claims.paired_training import MAX_EPOCHS, Curves, PairedTraining

from . import controls
from .lab import Lab

__all__ = ["Training"]

RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
SCALES = (0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
BATCHES = (4, 8, 16, 32, 64, 128, 256)

SLICE = 0.03  # seconds of training before the kernel is asked what else there is to do
FRAME = 0.1  # seconds that a picture stays at least: otherwise 30 epochs would be over in 2 seconds

GUESSING = math.log(10)  # the loss of a network that gives each of the ten digits the same chance
ROLES = "without_bn", "with_bn"  # the looks of A and of B


@dataclass(frozen=True)
class State:
    """bn_a, bn_b: batch normalization in network A and in B; the rest holds for both networks."""

    bn_a: bool
    bn_b: bool
    learning_rate: float
    scale: float
    batch_size: int
    seed: int


class Training(Lab):
    """Two networks of five sigmoid layers learn the real digits side by side, while you watch.

    Buttons: start, pause, reset. Controls: bn_a, bn_b, learning_rate, scale, batch_size, seed; each change
    begins again with untrained networks. Both networks have the same initial weights and see the same
    batches, so they differ in nothing but batch normalization: with the same boxes ticked they learn alike.

    The training gives way to the kernel every few hundredths of a second. So Pause answers at once, and
    other cells can be run meanwhile; training waits while they run. Only one training lab runs at a time.

    >>> lab = Training(learning_rate=0.3)
    >>> lab.advance(epochs=1)
    >>> lab.frame[0].epochs_done
    1.0
    """

    title = "Two networks learn the digits"
    look = "Press Start. Then try a larger learning rate, another weight scale, the same boxes for both."
    State = State
    panels = (1, 1, 1)
    recorded: ClassVar = {"scale": (0.3, 1, 3), "batch_size": (16, 64, 256), "seed": (0,)}
    moments = "epochs"
    _all: ClassVar[weakref.WeakSet[Training]] = weakref.WeakSet()

    def __init__(self, **start):
        self._task: asyncio.Task | None = None
        self._pair: PairedTraining | None = None
        for other in list(self._all):
            other.pause()
        super().__init__(**start)
        self._all.add(self)

    def controls(self):
        return {
            "bn_a": controls.switch("Batch normalization in A", "network A, dashed orange", False),
            "bn_b": controls.switch("Batch normalization in B", "network B, solid blue", True),
            "learning_rate": controls.steps("Learning rate", "size of a step", RATES, 0.3),
            "scale": controls.steps("Initial weight scale", "1 keeps a linear layer's size", SCALES, 1.0),
            "batch_size": controls.steps("Batch size", "pictures in a step", BATCHES, 64),
            "seed": controls.whole_slider("Random seed", "of the weights and the shuffling", 0, 9, 0),
        }

    def make_buttons(self):
        again = "stop, and begin again with untrained networks"
        return [
            controls.Button("Start", "begin, or go on", plays="epochs", press=self.start, main=True),
            controls.Button("Pause", "stop where it is", press=self.pause),
            controls.Button("Reset", again, sets={"epochs": 0}, press=self.reset),
        ]

    # What the buttons do.

    @property
    def running(self) -> bool:
        """True while the networks are learning."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin to learn, or go on, as a task of the kernel."""
        with self._errors_in_words():
            if self.running or self._pair.finished:
                return self._show_now()
            for other in list(self._all):
                other.pause()
            self._task = _running_loop().create_task(self._run())

    def pause(self) -> None:
        """Stop where it is. `start` goes on from there."""
        if self.running:
            self._task.cancel()
            self._task = None
            self._show_now()

    def reset(self) -> None:
        """Stop, and put untrained networks in the place of these."""
        self.pause()
        self.update()

    def advance(self, epochs: float) -> None:
        """Learn for some epochs at once, without the buttons: for a picture that is not empty at first.

        Args:
            epochs: how many, more than 0; the lab ends at 30.
        """
        _go_on(self._pair, epochs)
        self._show_now()

    def close(self) -> None:
        self.pause()
        super().close()

    # From the state to the picture.

    @staticmethod
    def compute(state):
        """Two untrained networks; the curves of each are still empty."""
        return PairedTraining(
            state.learning_rate, state.scale, state.batch_size, state.seed, (state.bn_a, state.bn_b)
        )

    def course(self, state):
        how = state.learning_rate, state.scale, state.batch_size, state.seed
        for epochs in range(MAX_EPOCHS + 1):
            yield tuple(_after(epochs, batch_norm, *how) for batch_norm in (state.bn_a, state.bn_b))

    def update(self) -> None:
        with self._errors_in_words():
            state = self.state
            self._pair = self.compute(state)
            self._show(state, self._pair.curves())

    def _show_now(self) -> None:
        with self._errors_in_words():
            self._show(self.state, self._pair.curves())

    async def _run(self) -> None:
        with self._errors_in_words():
            while not self._pair.finished:
                next_frame = time.perf_counter() + FRAME
                while not self._pair.step_for(SLICE):
                    await asyncio.sleep(0)
                self._show_now()
                await asyncio.sleep(max(0.0, next_frame - time.perf_counter()))
            self._task = None
            self._show_now()

    def backdrop(self, state):
        return state.bn_a, state.bn_b

    def background(self, axes, state):
        loss, accuracy, layer = axes
        across = {"x": "epoch", "xlim": (0, MAX_EPOCHS)}
        figures.frame(loss, title="Training loss", ylim=(0, 4), **across)
        figures.frame(accuracy, title="Test accuracy, %", ylim=(0, 100), **across)
        figures.frame(layer, title="Input of the last sigmoid", ylim=(-6, 6), **across)
        names = f"A, {_bn(state.bn_a)}", f"B, {_bn(state.bn_b)}"
        figures.key(loss, dict(zip(ROLES, names, strict=True)), place="upper right")

    def draw(self, axes, frame):
        loss, accuracy, layer = axes
        for role, curves in zip(ROLES, frame, strict=True):
            figures.curve(curves.epochs, curves.loss, top=4, ax=loss, role=role)
            figures.curve(curves.epochs, 100 * curves.accuracy, ax=accuracy, role=role)
            figures.percentiles(curves.epochs, curves.percentiles, ax=layer, role=role)

    def read(self, frame):
        done = frame[0].epochs_done
        if not done:
            return "Two untrained networks. Press Start."
        networks = (_told(letter, curves) for letter, curves in zip("AB", frame, strict=True))
        return " ".join(
            [f"{'Running: epoch' if self.running else 'Epoch'} {done:.1f} of {MAX_EPOCHS}.", *networks]
        )


def _after(epochs: int, batch_norm: bool, *how) -> Curves:
    """What one network has shown after these epochs; the other network of a pair changes nothing in it."""
    alone, course = _alone(batch_norm, *how)
    while len(course) <= epochs:
        _go_on(alone, 1)
        course += alone.curves()
    return course[epochs]


@lru_cache(maxsize=256)
def _alone(batch_norm: bool, *how) -> tuple[PairedTraining, list[Curves]]:
    """A network in training, and what it has shown after each epoch so far."""
    alone = PairedTraining(*how, batch_norm=(batch_norm,))
    return alone, [*alone.curves()]


def _go_on(pair: PairedTraining, epochs: float) -> None:
    """Train for some epochs, or to the end."""
    target = pair.epochs_done + epochs
    while not pair.finished and pair.epochs_done < target:
        pair.step()


def _told(letter: str, curves: Curves) -> str:
    name = f"{letter} ({_bn(curves.batch_norm)})"
    if curves.diverged_at is not None:
        return f"{name} has diverged: at step {curves.diverged_at} its loss was no longer a number."
    if not len(curves.loss):
        return f"{name} has not been measured yet."
    if curves.loss[-1] > 4 * GUESSING:
        return f"{name} goes astray: its loss is {curves.loss[-1]:.3g}; guessing would have {GUESSING:.2f}."
    low, _, high = curves.percentiles[-1]
    return (
        f"{name}: loss {curves.loss[-1]:.2f}, {curves.accuracy[-1]:.0%} of the test digits right; "
        f"into its last sigmoid go values from {low:.1f} to {high:.1f} (15th to 85th percentile)."
    )


def _bn(has: bool) -> str:
    return "BN" if has else "no BN"


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("Start needs a notebook kernel; in a script, call advance(epochs)") from None
