"""Checks of the exercises of lesson 06."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from ..recipe import Recipe
from .bug_hunt import BUGS, hunt
from .forward_steps import NORMALIZING


def as_table(x: np.ndarray, channel_axis: int) -> np.ndarray:
    """A row for each value of a channel, a column for each channel."""
    last = np.moveaxis(x, channel_axis, -1)
    return last.reshape(-1, last.shape[-1])


def as_before(scaled: np.ndarray, x: np.ndarray, channel_axis: int) -> np.ndarray:
    """A table back in the shape of x."""
    last = np.moveaxis(x, channel_axis, -1)
    return np.moveaxis(scaled.reshape(last.shape), -1, channel_axis)


def pictures(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Pictures to read; random ones in both layouts; one that varies less than ε; some with W or H = C."""

    def random(shape: tuple[int, ...], channel_axis: int, eps: float, spread: float = 2.0) -> dict[str, Any]:
        c = shape[channel_axis]
        offset = rng.uniform(1, 6, size=c).reshape([-1 if a == channel_axis % 4 else 1 for a in range(4)])
        return {
            "x": spread * (offset + rng.normal(size=shape)),
            "gamma": rng.uniform(1.5, 3, size=c),
            "beta": rng.uniform(-2, 2, size=c),
            "eps": eps,
            "channel_axis": channel_axis,
        }

    read = {
        "x": np.arange(12.0).reshape(3, 2, 1, 2) ** 1.5,
        "gamma": np.array([2.0, 0.5]),
        "beta": np.array([-1.0, 4.0]),
        "eps": 0.5,
        "channel_axis": 1,
    }
    return [
        read,
        random((4, 3, 5, 2), 1, 0.3),
        random((4, 5, 2, 3), -1, 1e-5),
        random((3, 4, 2, 5), 1, 0.01, 0.003),
        random((5, 4, 3, 4), 1, 0.2),
        random((4, 4, 3, 4), 3, 0.4),
    ]


batch_norm_channels = Check(
    name="batch_norm_channels",
    takes=("x", "gamma", "beta", "eps", "channel_axis"),
    recipe=Recipe(
        {
            **NORMALIZING,
            "table": as_table,
            "scaled": lambda gamma, x_hat, beta: gamma * x_hat + beta,
            "y": as_before,
        },
        returns=("y",),
    ),
    probes=pictures,
    hints=(
        "One mean for each channel. So over which axes does the mean run?",
        "With `keepdims=True` the statistics fit `x` as they are. For γ and β make such a shape: "
        "`gamma.reshape(shape)`, with C at the channel axis and 1 elsewhere.",
        "The axes are all of 0, 1, 2, 3 but one. Leave out `channel_axis % 4`, not `channel_axis`: the "
        "`% 4` turns −1 into 3. Begin with `shape = [1, 1, 1, 1]`.",
    ),
    lesson=("06_normalize_channels", "Channels last: the same function"),
)


def convolutions(rng: np.random.Generator) -> list[dict[str, Any]]:
    """One to read, with factors 0.5 and 3; random ones; one varies less than ε, one has as many in as out."""

    def random(shape: tuple[int, ...], eps: float, scale: float = 1.0) -> dict[str, Any]:
        c = shape[0]
        return {
            "weight": rng.normal(size=shape),
            "bias": rng.normal(1, 1, size=c),
            "gamma": rng.uniform(1.5, 3, size=c),
            "beta": rng.uniform(1, 2, size=c),
            "running_mean": rng.normal(2, 1, size=c),
            "running_var": scale * rng.uniform(2, 4, size=c),
            "eps": eps,
        }

    read = {
        "weight": np.array([1.0, 2.0, 3.0, 4.0]).reshape(2, 2, 1, 1),
        "bias": np.array([1.0, -1.0]),
        "gamma": np.array([2.0, 6.0]),
        "beta": np.array([0.5, -4.0]),
        "running_mean": np.array([3.0, 1.0]),
        "running_var": np.array([15.5, 3.5]),
        "eps": 0.5,
    }
    return [read, random((4, 3, 2, 3), 0.2), random((3, 5, 3, 3), 0.01, 1e-5), random((3, 3, 1, 2), 1e-5)]


fold_batch_norm = Check(
    name="fold_batch_norm",
    takes=("weight", "bias", "gamma", "beta", "running_mean", "running_var", "eps"),
    recipe=Recipe(
        {
            "var": lambda running_var: running_var,
            "inv_std": NORMALIZING["inv_std"],
            "scale": lambda gamma, inv_std: gamma * inv_std,
            "new_weight": lambda weight, scale: weight * scale[:, None, None, None],
            "new_bias": lambda bias, running_mean, scale, beta: (bias - running_mean) * scale + beta,
        },
        returns=("new_weight", "new_bias"),
    ),
    probes=convolutions,
    hints=(
        "Write down what BN does to z = conv(x) + bias, and multiply out.",
        "One factor for each channel: `scale = gamma / np.sqrt(running_var + eps)`. What does it multiply?",
        "The filter, the old bias, and the running mean. β is added after it. For the filter, give "
        "`scale` three axes more: `scale[:, None, None, None]`.",
    ),
    lesson=("06_normalize_channels", "Fold it away"),
)


spot_the_bug = Check(
    name="spot_the_bug",
    takes=(),
    recipe=Recipe({"named": lambda: dict(BUGS)}, returns=("named",)),
    probes=lambda rng: [{}, {}, {}],
    hints=(
        "Read each line beside the formula. What is measured, over which axes, and what is it divided by?",
        "Or try them on a batch, with γ = 2, β = 1 and ε = 0.5: is the mean of each channel β? Does a "
        "picture change when its neighbors do?",
        "Two of them use the wrong axes, and one no axes at all. Three have a wrong variance or a wrong "
        "count. What is left is the order of operations.",
    ),
    lesson=("06_normalize_channels", "The mistake: statistics for each place"),
    trial=hunt,
)

EXERCISES = [batch_norm_channels, fold_batch_norm, spot_the_bug]
