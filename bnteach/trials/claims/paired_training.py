"""Two networks trained side by side, a step each: the experiment of the lab of training."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bnteach.data import Digits, digits
from bnteach.training import Recorder, mlp, training_steps
from bnteach.training.loop import one_thread

__all__ = ["MAX_EPOCHS", "Curves", "PairedTraining"]

MAX_EPOCHS = 30
WIDTHS = (64, 50, 50, 50, 50, 50, 10)
WATCHED = "activation_5"
POINTS_AN_EPOCH = 4


@dataclass(frozen=True)
class Curves:
    """What one network has shown so far: k points, each over the steps since the point before.

    Attributes:
        batch_norm: whether the network has batch normalization.
        epochs_done: passes through the training set, with the fraction of the present one.
        epochs: where the points lie, (k,).
        loss: mean loss of the steps of each point, (k,); NaN from the step on where it is not a number.
        accuracy: on the test set, 0 to 1, (k,).
        percentiles: 15th, 50th and 85th of what enters the last sigmoid, (k, 3).
        diverged_at: the first step whose loss was NaN or infinite, or None.
    """

    batch_norm: bool
    epochs_done: float
    epochs: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    percentiles: np.ndarray
    diverged_at: int | None


class PairedTraining:
    """Networks that differ in batch normalization alone, trained in turns, a step each.

    >>> pair = PairedTraining(learning_rate=0.3, scale=1.0, batch_size=64, seed=0)
    >>> pair.step()
    >>> pair.steps_done, pair.steps_an_epoch
    (1, 21)
    """

    def __init__(
        self,
        learning_rate: float,
        scale: float,
        batch_size: int,
        seed: int,
        batch_norm: Sequence[bool] = (False, True),
    ):
        data = _data()
        self.batch_norm = tuple(batch_norm)
        self.steps_done = 0
        self.steps_an_epoch = len(data.x_train) // batch_size
        self._every = max(1, round(self.steps_an_epoch / POINTS_AN_EPOCH))
        models = [mlp(WIDTHS, batch_norm=has, init_scale=scale, seed=seed) for has in batch_norm]
        self._recorders = [Recorder(model, data, layer=WATCHED, every=self._every) for model in models]
        how = {"batch_size": batch_size, "learning_rate": learning_rate, "epochs": MAX_EPOCHS, "seed": seed}
        self._training = [training_steps(model, data, **how) for model in models]

    @property
    def epochs_done(self) -> float:
        """Passes through the training set so far, by each network."""
        return self.steps_done / self.steps_an_epoch

    @property
    def finished(self) -> bool:
        """True after the last step of the last epoch."""
        return self.steps_done >= MAX_EPOCHS * self.steps_an_epoch

    def step(self) -> None:
        """One optimization step of each network."""
        with one_thread():
            for steps, recorder in zip(self._training, self._recorders, strict=True):
                recorder.record(next(steps))
        self.steps_done += 1

    def step_for(self, seconds: float) -> bool:
        """At least one step, and more until the curves' next point, the end, or the time is reached.

        Returns False if it is the time.
        """
        end = time.perf_counter() + seconds
        while not self.finished:
            self.step()
            if self.steps_done % self._every == 0:
                return True
            if time.perf_counter() >= end:
                return False
        return True

    def curves(self) -> tuple[Curves, ...]:
        """What each network has shown so far."""
        both = zip(self.batch_norm, self._recorders, strict=True)
        return tuple(self._curves(has, recorder.history()) for has, recorder in both)

    def _curves(self, batch_norm: bool, history) -> Curves:
        points = len(history.recorded_at)
        with np.errstate(invalid="ignore", over="ignore"):
            loss = history.loss[: points * self._every].reshape(points, self._every).mean(axis=1)
        bad = np.flatnonzero(~np.isfinite(history.loss))
        return Curves(
            batch_norm=batch_norm,
            epochs_done=self.epochs_done,
            epochs=history.recorded_at / self.steps_an_epoch,
            loss=loss,
            accuracy=history.test_accuracy,
            percentiles=np.empty((0, 3)) if history.percentiles is None else history.percentiles,
            diverged_at=int(bad[0]) + 1 if len(bad) else None,
        )


@lru_cache(maxsize=1)
def _data() -> Digits:
    return digits()
