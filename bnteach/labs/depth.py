"""The lab of deep networks: what reaches the last layer, and what comes back to the first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

import bnteach
from bnteach import figures
from bnteach.data import digits

from . import controls
from .lab import Lab

__all__ = ["Depth"]

DEEPEST, WIDTH, PICTURES, SHOWN = 12, 64, 256, 64
UNIT = 24  # the one that is shown: with ReLU it is alive in every layer
SCALES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0)
SIZES = (1e-8, 1e4)
SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")

# For each activation: itself, its slope written by its output, and the range of outputs that is shown.
ACTIVATIONS = {
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda h: h * (1 - h), (-0.02, 1.02)),
    "tanh": (np.tanh, lambda h: 1 - h * h, (-1.04, 1.04)),
    "ReLU": (lambda z: np.maximum(z, 0), lambda h: (h > 0).astype(h.dtype), (-0.1, 4.0)),
}


@dataclass(frozen=True)
class State:
    """depth: layers. scale: the weights' standard deviation times √fan_in. activation, batch_norm."""

    depth: int
    scale: float
    activation: str
    batch_norm: bool


@dataclass(frozen=True)
class Frame:
    """What `Depth` shows, layer 1 first.

    outputs: of one unit of each layer, for some of the pictures, (SHOWN,) each.
    signal: how much the pictures differ in each layer, in units of how much they differ in the input.
    gradient: the size of the gradient in each layer, in units of the size it has in the last layer.
    """

    state: State
    outputs: list[np.ndarray]
    signal: np.ndarray
    gradient: np.ndarray


class Depth(Lab):
    """Send 256 real digits through an untrained network, and a random gradient back.

    Controls: depth, scale, activation, batch_norm. Left, what one unit of each layer gives for 64 of the
    digits, a dot each: a flat dash means that it gives the same for all. Then two sizes for each layer, on
    axes that count in powers of ten: how much of the difference between the pictures is left, and how much of
    the gradient comes back. Both near 1 would be best.

    What surprises: with batch normalization a gradient does not vanish, but it grows from layer to layer in
    the backward pass: hardly with the sigmoid, most with ReLU (lesson 14).

    A layer is linear, then batch normalization if it is on, then the activation. The weights are drawn from
    Normal(0, scale²/64), the same numbers for each setting.

    >>> Depth(depth=8, activation="sigmoid", batch_norm=False).frame.gradient.shape
    (8,)
    """

    title = "What reaches the last layer, what comes back to the first"
    look = (
        "Switch batch normalization on and off, with each activation. A flat dash on the left is a unit that "
        "gives the same for all digits. Which lines fall, and which rise?"
    )
    State = State
    panels = (1.5, 1, 1)

    def controls(self):
        return {
            "depth": controls.whole_slider("Layers", "how deep the network is", 1, DEEPEST, DEEPEST),
            "scale": controls.steps("Initial weight scale", "1 keeps a linear layer's size", SCALES, 1.0),
            "activation": controls.choice("Activation", "after each layer", list(ACTIVATIONS), "sigmoid"),
            "batch_norm": controls.switch("Batch normalization", "before each activation", False),
        }

    @staticmethod
    def compute(state):
        outputs, caches = _forward(state)
        gradients = _backward(state, outputs, caches)
        return Frame(
            state,
            [h[:SHOWN, UNIT] for h in outputs],
            signal=np.array([_difference(h) for h in outputs]) / _difference(_pictures()),
            gradient=np.array([_size(g) for g in gradients]) / _size(gradients[-1]),
        )

    def backdrop(self, state):
        return state.activation

    def background(self, axes, state):
        outputs, signal, gradient = axes
        across = {"x": "layer", "xlim": (0.3, DEEPEST + 0.7)}
        limits = ACTIVATIONS[state.activation][2]
        figures.frame(
            outputs, title="One unit of each layer", y="its output; a dot: a picture", ylim=limits, **across
        )
        size = {"ylim": SIZES, "log": "y", **across}
        figures.frame(signal, title="Signal, forward", y="relative to the input", **size)
        figures.frame(gradient, title="Gradient, backward", y="relative to the last layer", **size)
        for ax in axes:
            ax.set_xticks(range(2, DEEPEST + 1, 2))
        for ax in (signal, gradient):
            ax.set_yticks([1e-8, 1e-4, 1, 1e4])
            ax.axhline(1, color="#555555", linewidth=1)

    def draw(self, axes, frame):
        outputs, signal, gradient = axes
        role = "with_bn" if frame.state.batch_norm else "without_bn"
        limits = ACTIVATIONS[frame.state.activation][2]
        figures.strips([(values, role) for values in frame.outputs], limits=limits, ax=outputs)
        figures.layer_sizes(frame.signal, limits=SIZES, ax=signal, role=role)
        figures.layer_sizes(frame.gradient, limits=SIZES, ax=gradient, role="backward")

    def read(self, frame):
        s, signal, gradient = frame.state, frame.signal[-1], frame.gradient[0]
        return (
            f"{s.depth} {s.activation} {'layer' if s.depth == 1 else 'layers'}, weight scale {s.scale:g}, "
            f"{'with' if s.batch_norm else 'without'} batch normalization. Signal: the differences between "
            f"pictures reach the last layer at {_power(signal)} times their size: {_verdict(signal)}. "
            f"Gradient: it comes back to layer 1 at {_power(gradient)} times its size: "
            f"{_verdict(gradient)}{_by_layer(gradient, s.depth)}."
        )


def _forward(state: State):
    """The output of each layer, and the cache of its batch normalization."""
    h, activate = _pictures(), ACTIVATIONS[state.activation][0]
    outputs, caches = [], []
    for weight in _weights()[: state.depth]:
        z, cache = state.scale * _times(h, weight), None
        if state.batch_norm:
            z, cache = bnteach.batch_norm_forward(z, None, None)
        h = activate(z)
        outputs.append(h)
        caches.append(cache)
    return outputs, caches


def _backward(state: State, outputs, caches):
    """The gradient with respect to the output of each layer, from a random one at the last."""
    slope, gradients = ACTIVATIONS[state.activation][1], [_upstream()]
    for layer in range(state.depth - 1, 0, -1):
        dz = gradients[0] * slope(outputs[layer])
        if caches[layer] is not None:
            dz = bnteach.batch_norm_backward(dz, caches[layer])[0]
        gradients.insert(0, state.scale * _times(dz, _weights()[layer].T))
    return gradients


def _times(h: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """h @ weight, 64 rows at a time: so small a product is not shared among threads.

    Threads would wait for each other on a busy machine, and the picture would hang for a tenth of a second.
    """
    return (h.reshape(-1, 64, WIDTH) @ weight).reshape(h.shape)


@lru_cache(maxsize=1)
def _pictures() -> np.ndarray:
    # float64: in float32, rounding would pass for a signal from 10⁻⁶ downward.
    return digits(dtype=np.float64).x_train[:PICTURES]


@lru_cache(maxsize=1)
def _weights() -> np.ndarray:
    standard = np.random.default_rng(0).standard_normal((DEEPEST, WIDTH, WIDTH))
    return standard / WIDTH**0.5


@lru_cache(maxsize=1)
def _upstream() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((PICTURES, WIDTH))


def _difference(h: np.ndarray) -> float:
    """How much the pictures differ: each unit's standard deviation over the pictures, squared mean of all."""
    return _size(h - h.mean(axis=0))


def _size(values: np.ndarray) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _power(size: float) -> str:
    """0.36, or 3·10⁻⁶ where zeros would have to be counted."""
    if size < 1e-12:  # too little to be told from rounding
        return "less than 10⁻¹²"
    if 0.01 <= size < 1000:
        return f"{size:.2g}"
    digit, exponent = f"{size:.0e}".split("e")
    return f"{digit}·10{str(int(exponent)).translate(SUPERSCRIPT)}"


def _verdict(ratio: float) -> str:
    if not 1e-3 <= ratio <= 1e3:
        return "vanishing" if ratio < 1e-3 else "exploding"
    if not 0.5 <= ratio <= 2:
        return "shrinking" if ratio < 0.5 else "growing"
    return "about the same"


def _by_layer(ratio: float, depth: int) -> str:
    """The factor of each of the steps from the last layer to the first."""
    if depth == 1 or ratio < 1e-12:
        return ""
    return f", a factor of {ratio ** (1 / (depth - 1)):.2f} a layer"
