"""The lab of the Jacobian: how each y_i of a batch depends on each x_j, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import bnteach
from bnteach import figures

from . import controls
from .lab import Lab

__all__ = ["Jacobian"]

CENTER, BATCH = 3.0, np.array([1.0, -0.5, 2.0, 0.0, 1.5, -1.5, 0.5, -1.0])
SCALES = (0.5, 1.0, 2.0, 4.0)
PARTS = ("diagonal", "mean", "variance")
NO_GRADIENT = 1e-3  # a singular value below this share of 1/√(σ² + ε) counts as 0: what ε leaves is 10⁻⁵/σ²


@dataclass(frozen=True)
class State:
    """batch_size, scale and outlier make the batch; diagonal, mean, variance: which parts are shown."""

    batch_size: int
    scale: float
    outlier: float
    diagonal: bool
    mean: bool
    variance: bool


@dataclass(frozen=True)
class Frame:
    """What `Jacobian` shows of one channel with N samples, γ = 1.

    Attributes:
        names: of the parts that are shown.
        x, x_hat: (N,).
        std: √(σ² + ε).
        shown: the sum of these parts of ∂y_i/∂x_j, row i, column j, (N, N).
        row_sums, times_x_hat: shown · 1 and shown · x̂, (N,).
        rank: of what is shown.
    """

    names: tuple[str, ...]
    x: np.ndarray
    x_hat: np.ndarray
    std: float
    shown: np.ndarray
    row_sums: np.ndarray
    times_x_hat: np.ndarray
    rank: int


class Jacobian(Lab):
    """See ∂y_i/∂x_j for one channel, taken apart into the three paths from x to y.

    Controls: batch_size, scale, outlier; diagonal, mean, variance switch the parts on and off:

        ∂y_i/∂x_j = γ/√(σ² + ε) · ( [i = j]   −   1/N   −   x̂_i·x̂_j / N )
                                    diagonal     mean       variance

    The mean's part makes each row sum to 0, the variance's part makes J·x̂ vanish (up to ε). So two of N
    directions never carry a gradient, and a batch of two carries none at all. On the right of the picture:
    how y moves when all x move alike (J·1), and when they move apart, each by its x̂ (J·x̂).

    >>> lab = Jacobian(batch_size=6)
    >>> lab.frame.rank
    4
    >>> lab.set(mean=False)
    >>> lab.frame.rank
    5
    """

    title = "How each y depends on each x"
    look = (
        "Switch the mean's part off and on: what does it do to J·1? And the variance's part to J·x̂? "
        "Then try a batch of 2, and a far outlier."
    )
    State = State
    panels = (0.85, 2.3, 0.85)
    recorded: ClassVar = {"outlier": (0, 1, 2, 3, 5, 7, 10, 15, 20)}

    def controls(self):
        return {
            "batch_size": controls.whole_slider("Batch size", "samples in the batch", 2, len(BATCH), 6),
            "scale": controls.steps("Scale", "how far the samples lie apart", SCALES, 1.0),
            "outlier": controls.slider(
                "Outlier", "the last sample is moved by so many times the scale", 0, 20, 0, step=0.5
            ),
            "diagonal": controls.switch("Diagonal part", "direct: x in the numerator", True),
            "mean": controls.switch("Mean part", "x moves μ, and μ moves every y", True),
            "variance": controls.switch("Variance part", "x moves σ², which scales every y", True),
        }

    @staticmethod
    def compute(state):
        x = CENTER + state.scale * BATCH[: state.batch_size]
        x[-1] += state.scale * state.outlier
        x_hat, std, parts = _parts(x)
        names = tuple(name for name in PARTS if getattr(state, name))
        shown = sum((parts[name] for name in names), np.zeros((len(x), len(x))))
        rank = np.linalg.matrix_rank(shown, tol=NO_GRADIENT / std)
        return Frame(names, x, x_hat, std, shown, shown.sum(axis=1), shown @ x_hat, int(rank))

    def backdrop(self, state):
        return state.batch_size

    def background(self, axes, state):
        batch, jacobian, together = axes
        samples, rows = range(1, state.batch_size + 1), (state.batch_size + 0.5, 0.5)
        figures.frame(batch, title="x, and x̂ as a dot", x="       x̂", xlim=(-7.4, 3.3), ylim=rows)
        figures.frame(
            jacobian, title="How much yᵢ moves with xⱼ", x="x of sample j", xlim=rows[::-1], ylim=rows
        )
        figures.frame(together, title="… with all xⱼ", xlim=(0.5, 2.5), ylim=rows)
        batch.axvline(0, color="#555555", linewidth=1)
        batch.set(xticks=[-2, 0, 2], ylabel="sample")
        jacobian.set(xticks=samples, ylabel="y of sample i")
        together.set_xticks([1, 2], ["shifted\nJ·1", "stretched\nJ·x̂"])
        for ax in axes:
            ax.set_yticks([] if ax is together else samples)
            ax.grid(False)

    def draw(self, axes, frame):
        batch, jacobian, together = axes
        n = len(frame.x)
        words = [figures.signed_number(value, digits=1) for value in frame.x]
        figures.numbers(words, [-3.3] * n, range(1, n + 1), ax=batch, align="right")
        figures.row_marks(frame.x_hat, ax=batch, marked=n - 1)
        figures.matrix(frame.shown, limit=1 / frame.std, ax=jacobian)
        figures.matrix(
            np.stack([frame.row_sums, frame.times_x_hat], axis=1), limit=1 / frame.std, ax=together
        )

    def read(self, frame):
        n, last = len(frame.x), figures.signed_number(frame.x_hat[-1])
        own = figures.signed_number(frame.shown[-1, -1])
        parts = " + ".join(frame.names) or "no part at all"
        return (
            f"Batch of {n}, standard deviation {frame.std:.2f}. Shown: {parts}. "
            f"The rows sum to {_largest(frame.row_sums)}; J·x̂ is {_largest(frame.times_x_hat)}. "
            f"Rank {frame.rank} of {n}. The last sample has x̂ = {last}; no x̂ of {n} samples is larger than "
            f"√(N − 1) = {(n - 1) ** 0.5:.2f}. The slope of its y along its own x: {own}."
        )


def _parts(x: np.ndarray) -> tuple[np.ndarray, float, dict[str, np.ndarray]]:
    """x̂, √(σ² + ε), and the three parts of the Jacobian of one channel."""
    n = len(x)
    copies = np.repeat(x[:, np.newaxis], n, axis=1)  # channel i is for the question: what moves y_i?
    x_hat, cache = bnteach.batch_norm_forward(copies, None, None)
    columns, _, _ = bnteach.batch_norm_backward(np.eye(n), cache)
    scale = cache.inv_std[0]
    diagonal, mean = scale * np.eye(n), np.full((n, n), -scale / n)
    variance = columns.T - diagonal - mean  # what is left of the whole
    return x_hat[:, 0], float(1 / scale), {"diagonal": diagonal, "mean": mean, "variance": variance}


def _largest(values: np.ndarray) -> str:
    """The largest size in words: 0 where there is nothing but rounding."""
    size = np.abs(values).max()
    if size < 1e-12:
        return "0"
    if size > 0.01:
        return f"at most {size:.2f} in size"
    return f"less than {max(size * 1.05, 1e-6):.6f}, what ε leaves"
