"""The lab of one feature's loss: where its mean and its spread make a ravine, and how far a step may go."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bnteach import figures

from . import controls
from .lab import Lab

__all__ = ["Ravine"]

START = np.array([-3.0, 1.5])  # of w and b, seen from the lowest point
STEPS = (0, 1, 2, 3, 5, 10, 20, 50)
RATES = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 1.5, 2.0)
SIDE = 4.0
LEVELS = (0.01, 0.1, 0.5, 1.5, 3.5, 7.0)  # of the loss
LOSSES = (1e-3, 1e2)


@dataclass(frozen=True)
class State:
    """mean, std: of the feature. rate: of gradient descent. steps: how many."""

    mean: float
    std: float
    rate: float
    steps: int


@dataclass(frozen=True)
class Frame:
    """What `Ravine` shows.

    matrix: the second derivatives of the loss, (2, 2). curvatures: its eigenvalues, the smallest first.
    path: w and b before the first step and after each, seen from the lowest point, (steps + 1, 2).
    losses: at each point of the path, (steps + 1,).
    """

    state: State
    matrix: np.ndarray
    curvatures: np.ndarray
    path: np.ndarray
    losses: np.ndarray


class Ravine(Lab):
    """Gradient descent on y ≈ w x + b, for a feature x with any mean and standard deviation.

    Controls: mean and std of the feature, rate and steps of gradient descent. On the left, lines of equal
    loss over w and b, with the lowest point in the center: long and narrow for most features, circles for a
    z-score. On the right, the loss after each step.

    >>> lab = Ravine(mean=0, std=1, rate=1, steps=1)
    >>> bool(lab.frame.losses[-1] < 1e-9)
    True
    """

    title = "From a ravine to a bowl"
    look = (
        "Make the feature a z-score: mean 0, standard deviation 1. What becomes of the lines, and how large "
        "may the rate be? Then move the mean alone."
    )
    State = State
    panels = (1, 1.2)
    size = (6.6, 3.2)
    recorded: ClassVar = {"mean": (0, 0.5, 1, 1.5, 2, 3)}

    def controls(self):
        return {
            "mean": controls.slider("Mean of the feature", "0 for a z-score", 0, 3, 2, 0.5),
            "std": controls.steps(
                "Its std", "the standard deviation; 1 for a z-score", (0.2, 0.5, 1, 2), 0.5
            ),
            "rate": controls.steps("Learning rate", "of gradient descent", RATES, 0.3),
            "steps": controls.steps("Steps", "of gradient descent", STEPS, 20),
        }

    @staticmethod
    def compute(state):
        matrix = np.array([[state.mean**2 + state.std**2, state.mean], [state.mean, 1.0]])
        path = [START]
        for _ in range(state.steps):
            path.append(path[-1] - state.rate * matrix @ path[-1])
        path = np.array(path)
        losses = 0.5 * np.einsum("ni,ij,nj->n", path, matrix, path)
        return Frame(state, matrix, np.linalg.eigvalsh(matrix), path, losses)

    def background(self, axes, state):
        loss, course = axes
        figures.frame(
            loss,
            title="Lines of equal loss",
            x="w, from the lowest point",
            y="b, from the lowest point",
            xlim=(-SIDE, SIDE),
            ylim=(-SIDE, SIDE),
        )
        loss.plot([], [], color="#8A8A8A", linewidth=1, label="equal loss")
        look = figures.role("moved")
        loss.plot([], [], color=look.color, linewidth=1.2, marker="o", markersize=4, label="steps")
        loss.plot([0], [0], "k*", markersize=10, ls="", label="lowest")
        loss.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=3, columnspacing=1)
        loss.set_aspect("equal")
        loss.set_xticks([-4, 0, 4])
        loss.set_yticks([-4, 0, 4])
        figures.frame(
            course,
            title="Loss after each step",
            x="step",
            y="loss",
            xlim=(-1, STEPS[-1] + 1),
            ylim=LOSSES,
            log="y",
        )

    def draw(self, axes, frame):
        loss, course = axes
        for level in LEVELS:
            loss.plot(*ellipse(frame.matrix, level), color="#8A8A8A", linewidth=1)
        loss.plot([0], [0], "k*", markersize=10)
        path = np.clip(frame.path, -1e3, 1e3)
        look = figures.role("moved")
        loss.plot(*path.T, color=look.color, linewidth=1.2, marker="o", markersize=4)
        for step, (before, here) in enumerate(itertools.pairwise(path[:4]), start=1):
            if np.abs(here).max() < SIDE and np.abs(here - before).max() > 0.4:  # inside, and room for it
                loss.text(*(here + 0.2), f"{step}", fontsize=9, color=look.color)
        figures.curve(np.arange(len(path)), np.clip(frame.losses, *LOSSES), ax=course, role="moved")
        rate, limit = frame.state.rate, 2 / frame.curvatures[-1]
        course.text(
            STEPS[-1], 60, f"rate {rate:g}, limit 2/c = {limit:.2g}", ha="right", va="top", fontsize=9
        )
        figures.dots([frame.state.steps], frame.losses[-1:], limits=LOSSES, ax=course, role="moved", size=7)

    def read(self, frame):
        state, (low, high) = frame.state, frame.curvatures
        most, steps = 2 / high, f"{state.steps} step" + "s" * (state.steps != 1)
        far = "diverges" if state.rate > most else "does not"
        return (
            f"A feature with mean {state.mean:g} and standard deviation {state.std:g}: curvatures {low:.3f} "
            f"and {high:.2f}, condition number {high / low:.4g}. A rate above {most:.2g} diverges; "
            f"{state.rate:g} {far}. The loss was {frame.losses[0]:.3g}, and after {steps} it is "
            f"{frame.losses[-1]:.3g}."
        )


def ellipse(matrix: np.ndarray, level: float) -> np.ndarray:
    """Where half of vᵀ · matrix · v is `level`, (2, n)."""
    angle = np.linspace(0, 2 * np.pi, 121)
    circle = np.array([np.cos(angle), np.sin(angle)])
    values, directions = np.linalg.eigh(matrix)
    return directions @ (circle * np.sqrt(2 * level / values)[:, np.newaxis])
