"""BN of pictures, LayerNorm and GroupNorm in many styles; and the answers to the hunt for bugs."""

from collections import OrderedDict

import numpy as np
import torch

import bnteach
from bnteach.check.exercises.bug_hunt import BUGS
from styles_forward import MOMENTS, NORMALIZED

WAYS = list(NORMALIZED.values())


def normalized(number, table, eps):
    """x_hat of each column, by one of the ways to the moments and one of the ways to x_hat."""
    moments = list(MOMENTS.values())[number]
    return np.asarray(WAYS[number % len(WAYS)](table, *moments(table), eps))


def channels():
    for number, name in enumerate(MOMENTS):

        def by_table(x, gamma, beta, eps, axis, number=number):
            last = np.moveaxis(x, axis, -1)
            table = last.reshape(-1, last.shape[-1])
            y = gamma * normalized(number, table, eps) + beta
            return np.moveaxis(y.reshape(last.shape), -1, axis)

        yield name, by_table
    for answer in (with_keepdims, channel_by_channel, pictures_by_torch, pictures_einsum, pictures_in_place):
        yield answer.__name__, answer
    yield (
        "bnteach",
        lambda x, gamma, beta, eps, axis: bnteach.batch_norm_forward(
            x, gamma, beta, channel_axis=axis, eps=eps
        )[0],
    )
    yield "Fortran order", lambda x, *others: np.asfortranarray(with_keepdims(np.asfortranarray(x), *others))
    yield "float32", lambda *values: with_keepdims(*(np.float32(v) for v in values[:4]), values[4])


def with_keepdims(x, gamma, beta, eps, channel_axis):
    axes = (0, 2, 3) if channel_axis == 1 else (0, 1, 2)
    shape = (1, -1, 1, 1) if channel_axis == 1 else (-1,)
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    return gamma.reshape(shape) * ((x - mean) / np.sqrt(var + eps)) + beta.reshape(shape)


def channel_by_channel(x, gamma, beta, eps, channel_axis):
    y = np.empty_like(x)
    for c in range(x.shape[channel_axis]):
        here = (slice(None), c) if channel_axis == 1 else (..., c)
        values = x[here]
        y[here] = gamma[c] * (values - values.mean()) / np.sqrt(values.var() + eps) + beta[c]
    return y


def pictures_by_torch(x, gamma, beta, eps, channel_axis):
    first = torch.movedim(torch.from_numpy(x), channel_axis, 1)
    weights = map(torch.from_numpy, (gamma, beta))
    y = torch.nn.functional.batch_norm(first, None, None, *weights, training=True, eps=eps)
    return torch.movedim(y, 1, channel_axis)


def pictures_einsum(x, gamma, beta, eps, channel_axis):
    letters = "nchw" if channel_axis == 1 else "nhwc"
    m = x.size // x.shape[channel_axis]
    mean = np.einsum(f"{letters}->c", x) / m
    shape = (-1, 1, 1) if channel_axis == 1 else (-1,)
    centered = x - mean.reshape(shape)
    var = np.einsum(f"{letters},{letters}->c", centered, centered) / m
    scaled = np.einsum(f"{letters},c->{letters}", centered, gamma / np.sqrt(var + eps))
    return scaled + beta.reshape(shape)


def pictures_in_place(x, gamma, beta, eps, channel_axis):
    y = x.copy()
    view = np.moveaxis(y, channel_axis, -1)
    view -= view.mean(axis=(0, 1, 2))
    view /= np.sqrt((view**2).mean(axis=(0, 1, 2)) + eps)
    view *= gamma
    view += beta
    return y


def layer_norms():
    for number, name in enumerate(MOMENTS):
        yield (
            name,
            lambda x, gamma, beta, eps, n=number: gamma * normalized(n, np.array(x.T), eps).T + beta,
        )
    yield "keepdims", row_keepdims
    yield (
        "last axis",
        lambda x, gamma, beta, eps: (
            (x - x.mean(-1)[:, None]) * (x.var(-1)[:, None] + eps) ** -0.5 * gamma + beta
        ),
    )
    yield (
        "row by row",
        lambda x, g, b, eps: [g * (row - row.mean()) / np.sqrt(row.var() + eps) + b for row in x],
    )
    yield (
        "torch's own",
        lambda x, g, b, eps: torch.nn.functional.layer_norm(
            torch.from_numpy(x), x.shape[1:], *map(torch.from_numpy, (g, b)), eps=eps
        ),
    )
    yield "float32", lambda *values: row_keepdims(*map(np.float32, values))


def row_keepdims(x, gamma, beta, eps):
    centered = x - x.mean(axis=1, keepdims=True)
    std = np.sqrt(np.mean(centered**2, axis=1, keepdims=True) + eps)
    return gamma * (centered / std) + beta


def group_norms():
    for number, name in enumerate(MOMENTS):

        def by_table(x, groups, gamma, beta, eps, number=number):
            table = np.array(x.reshape(len(x) * groups, -1).T)
            x_hat = normalized(number, table, eps).T.reshape(x.shape)
            return gamma.reshape(-1, 1, 1) * x_hat + beta.reshape(-1, 1, 1)

        yield name, by_table
    for answer in (with_five_axes, by_split, by_loops, groups_by_torch, groups_channels_last):
        yield answer.__name__, answer
    yield (
        "float32",
        lambda x, groups, *others: with_five_axes(np.float32(x), groups, *map(np.float32, others)),
    )


def with_five_axes(x, groups, gamma, beta, eps):
    n, c, h, w = x.shape
    g = x.reshape(n, groups, c // groups, h, w)
    g = (g - g.mean((2, 3, 4), keepdims=True)) / np.sqrt(g.var((2, 3, 4), keepdims=True) + eps)
    return g.reshape(n, c, h, w) * gamma[None, :, None, None] + beta[None, :, None, None]


def by_split(x, groups, gamma, beta, eps):
    parts = []
    for part in np.split(x, groups, axis=1):
        mean, var = part.mean(axis=(1, 2, 3), keepdims=True), part.var(axis=(1, 2, 3), keepdims=True)
        parts.append((part - mean) / np.sqrt(var + eps))
    return np.concatenate(parts, axis=1) * gamma[:, None, None] + beta[:, None, None]


def by_loops(x, groups, gamma, beta, eps):
    y, size = np.zeros(x.shape), x.shape[1] // groups
    for n in range(len(x)):
        for start in range(0, x.shape[1], size):
            values = x[n, start : start + size]
            for c in range(start, start + size):
                y[n, c] = gamma[c] * (x[n, c] - values.mean()) / np.sqrt(values.var() + eps) + beta[c]
    return y


def groups_by_torch(x, groups, gamma, beta, eps):
    x, gamma, beta = map(torch.from_numpy, (x, gamma, beta))
    return torch.nn.functional.group_norm(x, groups, gamma, beta, eps)


def groups_channels_last(x, groups, gamma, beta, eps):
    last = x.transpose(0, 2, 3, 1)
    grouped = last.reshape(*last.shape[:3], groups, -1)
    mean, var = grouped.mean((1, 2, 4), keepdims=True), grouped.var((1, 2, 4), keepdims=True)
    y = ((grouped - mean) / np.sqrt(var + eps)).reshape(last.shape) * gamma + beta
    return y.transpose(0, 3, 1, 2)


def with_a_print():
    print("found them all")
    return dict(BUGS)


def letter_by_letter():
    named = {}
    for letter, name in BUGS.items():
        named[letter] = str(np.str_(name))
    return named


STYLES = {
    "batch_norm_channels": dict(channels()),
    "layer_norm": dict(layer_norms()),
    "group_norm": dict(group_norms()),
    "spot_the_bug": {
        "a dictionary": lambda: dict(BUGS),
        "zipped": lambda: dict(zip("ABCDEFGH", BUGS.values(), strict=True)),
        "in another order": lambda: dict(sorted(BUGS.items(), reverse=True)),
        "with a letter too many": lambda: {**BUGS, "I": "eps_outside"},
        "with a print": with_a_print,
        "letter by letter": letter_by_letter,
        "by a comprehension": lambda: {letter: BUGS[letter] for letter in "HGFEDCBA"},
        "a class of dictionary": lambda: OrderedDict(BUGS),
    },
}
