"""The lab of the derivation: walk the graph of batch normalization forward, then back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bnteach import figures
from bnteach.core.steps import NODES, backward_steps, forward_steps

from . import controls
from .lab import Lab

__all__ = ["BackpropGraph"]

# The batch of lessons 00 and 04.
X = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0], [6.0, 70.0]])
GAMMA, BETA = np.array([2.0, 3.0]), np.array([-1.0, 10.0])
DY = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0], [2.0, -1.0]])

FORWARD = list(NODES)
BACKWARD = list(backward_steps(DY, forward_steps(X, GAMMA, BETA)))  # the order of the chain rule
STEPS = len(FORWARD) + len(BACKWARD)
PATTERNS = [
    ("mixed, one is set", "mixed"),
    ("one, the others 0", "one"),
    ("all the same", "same"),
    ("value · x̂", "x_hat"),
]


@dataclass(frozen=True)
class State:
    """step: how far the walk has come, 1 to 24. channel: 1 or 2. pattern, sample, value: these make dy."""

    step: int
    channel: int
    pattern: str
    sample: int
    value: float


@dataclass(frozen=True)
class Frame:
    """What `BackpropGraph` shows of one channel: node -> (4,) or one number.

    Attributes:
        step: 1 to 24.
        sample: index from 0.
        values, gradients: of the nodes that the walk has reached.
        parts: what each path carries to x, (4,) each, and their sum "dx"; those reached.
    """

    step: int
    sample: int
    values: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]
    parts: dict[str, np.ndarray]

    @property
    def node(self) -> str:
        """The node just reached."""
        return (FORWARD + BACKWARD)[self.step - 1]


class BackpropGraph(Lab):
    """Walk through batch normalization one node at a time: 12 steps forward, 12 steps back.

    Controls: step; channel; pattern, sample and value make the upstream gradient dy. Each box shows a node of
    a 4 x 2 batch, for one channel: its value, and beside it its gradient once the walk back has reached it.
    Below, dx taken apart: what comes directly, what comes through the mean, what through the variance.

    The batch is `BackpropGraph.x`, (4, 2), with `gamma`, `beta` (2,) and `dy` (4, 2).

    >>> lab = BackpropGraph(step=17, channel=1)
    >>> lab.frame.node
    'x_hat'
    >>> sorted(lab.frame.gradients)
    ['beta', 'gamma', 'scaled', 'x_hat', 'y']
    """

    title = "Forward through the graph, and back"
    look = (
        "Put the step to 1 and walk with the arrow keys: values in black, then gradients in purple. At the "
        "end, make dy all the same, then value · x̂: which paths cancel?"
    )
    State = State
    panels = (1,)
    recorded: ClassVar = {"value": [-2 + 0.5 * n for n in range(9)]}
    size = (7.0, 3.6)
    x, gamma, beta, dy = X, GAMMA, BETA, DY

    def controls(self):
        return {
            "step": controls.whole_slider(
                "Step of the walk", "1 to 12 forward, 13 to 24 back", 1, STEPS, STEPS
            ),
            "channel": controls.choice("Channel", "which column of x", [("1", 1), ("2", 2)], 1),
            "pattern": controls.choice("Gradient dy", "the gradient that arrives at y", PATTERNS, "mixed"),
            "sample": controls.whole_slider("Sample", "whose dy is set", 1, len(X), 1),
            "value": controls.slider("Value of dy", "what it is set to", -2, 2, 1.0),
        }

    def make_buttons(self):
        return [
            controls.Button("Step back", "one node back", moves={"step": -1}),
            controls.Button("Next step", "one node on", moves={"step": 1}, main=True),
        ]

    @staticmethod
    def compute(state):
        values = forward_steps(X, GAMMA, BETA)
        gradients = backward_steps(_upstream(state, values["x_hat"]), values)
        parts = _parts(values, gradients)
        back = BACKWARD[: max(0, state.step - len(FORWARD))]
        known = {"direct": "x_centered", "variance": "x_centered", "mean": "mean", "dx": "x"}
        column = state.channel - 1
        return Frame(
            state.step,
            state.sample - 1,
            values={name: values[name][..., column] for name in FORWARD[: state.step]},
            gradients={name: gradients[name][..., column] for name in back},
            parts={name: part[:, column] for name, part in parts.items() if known[name] in back},
        )

    def background(self, axes, state):
        (graph,) = axes
        figures.path_labels(figures.graph_boxes(graph))
        graph.text(82, 9.2, "left: the value", va="center_baseline")
        purple = figures.role("backward").color
        graph.text(82, 6.5, "right: its gradient", va="center_baseline", color=purple)
        graph.text(82, 3.8, "rows: samples 1 to 4", va="center_baseline")

    def draw(self, axes, frame):
        (graph,) = axes
        words = f"Step {frame.step}, {_direction(frame)}:   {_formula(frame)}"
        figures.numbers([words], [1], [49.6], ax=graph, align="left", size=11, bold=True)
        known = frame.values, frame.gradients
        figures.graph_values(*known, ax=graph, node=frame.node, marked=frame.sample)
        figures.path_values(frame.parts, ax=graph, marked=frame.sample)
        if not frame.parts:
            graph.text(29, 6.5, "steps 22 to 24 fill this table", va="center_baseline", color="#8A8A8A")

    def read(self, frame):
        found = frame.gradients if frame.gradients else frame.values
        numbers = ", ".join(map(_number, np.atleast_1d(found[frame.node])))
        words = f"Step {frame.step} of {STEPS}, {_direction(frame)}: {_formula(frame)}. Here: {numbers}."
        if "dx" not in frame.parts:
            return words
        own = {name: _number(part[frame.sample]) for name, part in frame.parts.items()}
        return (
            f"{words} Sample {frame.sample + 1}: direct {own['direct']}, through the mean {own['mean']}, "
            f"through the variance {own['variance']}, together {own['dx']}. "
            f"The sum of dx over the samples is {_number(frame.parts['dx'].sum())}."
        )


def _number(value: float) -> str:
    return figures.signed_number(value, digits=3)


def _upstream(state: State, x_hat: np.ndarray) -> np.ndarray:
    """dy, (4, 2). The pattern is that of the channel shown; the other channel keeps its own numbers."""
    dy, sample, column = DY.copy(), state.sample - 1, state.channel - 1
    if state.pattern == "one":
        dy[:, column] = 0
    if state.pattern == "same":
        dy[:, column] = state.value
    elif state.pattern == "x_hat":
        dy[:, column] = state.value * x_hat[:, column]
    else:
        dy[sample, column] = state.value
    return dy


def _parts(values: dict, gradients: dict) -> dict[str, np.ndarray]:
    """dx taken apart into what each path carries, (4, 2) each."""
    return {
        "direct": gradients["x_hat"] * values["inv_std"],
        "mean": np.broadcast_to(gradients["mean"] / len(X), X.shape),
        "variance": 2 * values["x_centered"] * gradients["square"],
        "dx": gradients["x"],
    }


def _direction(frame: Frame) -> str:
    return "backward" if frame.gradients else "forward"


def _formula(frame: Frame) -> str:
    formulas = NODES[frame.node]
    return formulas.backward if frame.gradients else formulas.forward
