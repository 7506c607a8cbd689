"""Lesson 08, choose a norm: its exercises and their mistakes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..checking import Check
from .inputs import readable
from .lesson_03 import AFFINE
from .normalizing import IN_ROOT, IN_VARIANCE, IN_X_HAT


def layer_norm(x, gamma, beta, eps):
    n = x.shape[1]
    mean = x.mean(axis=1, keepdims=True)
    sum_of_squares = ((x - mean) ** 2).sum(axis=1, keepdims=True)
    var = sum_of_squares / n
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * inv_std
    y = gamma * x_hat + beta
    return y


OF_SAMPLES = """
    layer_norm_over_batch: the mean runs over the batch: that is BN
        mean = x.mean(axis=0)
        var = x.var(axis=0)
        | BN takes the samples of one channel together. LayerNorm takes the channels of one sample.

    layer_norm_over_all: one mean for the whole batch
        mean = x.mean()
        var = x.var()
        | Without an axis all samples share one mean, and then they depend on each other.

    layer_norm_keepdims_lost: the statistics of the samples meet the columns
        mean = x.mean(axis=1)
        var = x.var(axis=1)
        | Shape (N,) is lined up with the last axis, the channels. It is an error, or, where N = C, silently
        | wrong. keepdims=True keeps them in the rows.

    rms_norm: x is divided by the root of its mean square, and no mean is subtracted: that is RMSNorm
        var = (x**2).mean(axis=1, keepdims=True)
        x_hat = x * inv_std
        | LayerNorm subtracts the mean of each sample first, from x and in the variance.
"""


def group_norm(x, num_groups, gamma, beta, eps):
    groups = x.reshape(len(x), num_groups, -1, *x.shape[2:])
    axes = (2, 3, 4)
    mean = groups.mean(axis=axes, keepdims=True)
    n = groups.size / mean.size
    sum_of_squares = ((groups - mean) ** 2).sum(axis=axes, keepdims=True)
    var = sum_of_squares / n
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (groups - mean) * inv_std
    y = gamma[:, None, None] * x_hat.reshape(x.shape) + beta[:, None, None]
    return y


OF_GROUPS = """
    groups_interleaved: each group has every G-th channel
        groups = x.reshape(len(x), -1, num_groups, *x.shape[2:])
        axes = (1, 3, 4)
        | reshape(N, C // G, G, …) spreads the channels over the groups. A group has neighbors.

    groups_too_small: G is taken for the number of channels in a group
        groups = x.reshape(len(x), -1, num_groups, *x.shape[2:])
        | num_groups says how many groups there are. A group has C / G channels.

    groups_over_batch: the pictures of the batch share the mean of a group
        axes = (0, 2, 3, 4)
        | GroupNorm looks at one picture at a time. That is what makes it free of the batch.

    groups_without_places: the places of a picture are not taken together
        axes = 2
        | A group has C/G · H · W values, and all of them share one mean.

    groups_ignored: all channels form one group
        groups = x[:, None]
        | That is GroupNorm with G = 1: each picture by itself. The caller says how many groups there are.

    groups_of_one_channel: each channel is a group
        groups = x[:, :, None]
        | That is instance normalization, or G = C. The caller says how many groups there are.

    > 03_scale_and_shift: Two numbers for each channel

    affine_forgotten: x̂ is returned: neither γ nor β is used
        y = x_hat.reshape(x.shape)
        | x̂ is the normalized value. The layer's output is y, after γ and β.

    parameters_on_last_axis: γ and β meet the last axis, not the channels
        y = gamma * x_hat.reshape(x.shape) + beta
        | NumPy lines up shape (C,) with the last axis: the width. gamma[:, None, None] meets the channels.
"""


def rows(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read; random ones with unequal samples; one that varies less than ε; one as wide as long."""

    def random(n: int, c: int, eps: float, spread: float = 1.0) -> dict[str, Any]:
        return {
            "x": spread * rng.normal(rng.uniform(-4, 4, size=(n, 1)), rng.uniform(1, 3, size=(n, 1)), (n, c)),
            "gamma": rng.uniform(1.5, 3, size=c),
            "beta": rng.uniform(-2, 2, size=c),
            "eps": eps,
        }

    read = readable(random(2, 3, 0.5))
    return [read, random(4, 6, 0.2), random(7, 3, 1e-5), random(3, 5, 0.01, 0.003), random(4, 4, 0.3)]


def pictures(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Random pictures whose channels differ much, and G ≠ C/G; one that varies less than ε."""

    def random(shape: tuple, groups: int, eps: float, spread: float = 1.0) -> dict[str, Any]:
        c = shape[1]
        offset = rng.uniform(-5, 5, size=(shape[0], c, 1, 1))
        return {
            "x": spread * rng.normal(offset, rng.uniform(1, 3, size=(1, c, 1, 1)), shape),
            "num_groups": groups,
            "gamma": rng.uniform(1.5, 3, size=c),
            "beta": rng.uniform(-2, 2, size=c),
            "eps": eps,
        }

    read = readable(random((3, 4, 1, 1), 2, 0.5))
    pictures = random((3, 6, 2, 5), 2, 0.2), random((4, 6, 3, 2), 3, 1e-5)
    return [read, *pictures, random((3, 8, 2, 3), 2, 0.01, 0.003)]


EXERCISES = [
    Check(
        layer_norm,
        rows,
        hints=(
            "It is your BN of lesson 03. Only which values share a mean is another.",
            "The statistics have one number for each row. To fit `x` they need the shape (N, 1).",
            "`axis=1, keepdims=True` for the mean and for the variance. γ and β fit the columns as they are.",
        ),
        lesson=("08_choose_a_norm", "Two functions, five norms"),
        mistakes=(OF_SAMPLES, IN_VARIANCE, IN_ROOT, IN_X_HAT, AFFINE),
    ),
    Check(
        group_norm,
        pictures,
        hints=(
            "A reshape can give the groups an axis of their own.",
            "`x.reshape(N, G, C // G, H, W)`: which of the five axes belong to one group?",
            "The mean runs over axes 2, 3 and 4 with `keepdims=True`. Then back to the shape of `x`; γ and β "
            "as `[:, None, None]`.",
        ),
        lesson=("08_choose_a_norm", "Two functions, five norms"),
        mistakes=(OF_GROUPS, IN_VARIANCE, IN_ROOT, re.sub(r"\bx\b", "groups", IN_X_HAT)),
    ),
]
