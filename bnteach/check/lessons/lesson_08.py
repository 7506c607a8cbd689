"""Lesson 08, choose a norm: its exercises and their mistakes."""

import re

import numpy as np

from ..checking import Check
from ..running import Probe
from .inputs import gamma_and_beta, readable, values
from .letters import named_letters
from .normalizing import IN_ROOT, IN_VARIANCE, IN_X_HAT
from .one_change import one_change

CHOICES = """
    A BN: the batch is large; and after training the norm has to become part of the convolution before it.
    B GN: count the values of a set in a map of one position: over two scans, and over one.
    C LN_of_each_token: also in training, no token may look at later ones; your set must not contain them.
    D IN: brightness adds another number to each channel, by its filter: each channel must forget its own.
    E masked_BN: behind the short recordings stand zeros; and after training the norm must cost nothing.
    F none: one picture and two units: a set has one value or two, and little is left of them.
"""


def masked_batch_norm(x, real, gamma, beta, eps):
    mask = real[:, :, None]
    n = real.sum()
    mean = (x * mask).sum(axis=(0, 1)) / n
    sum_of_squares = (mask * (x - mean) ** 2).sum(axis=(0, 1))
    var = sum_of_squares / n
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * inv_std
    y = mask * (gamma * x_hat + beta)
    return y


OF_PADDING = """
    > deeper/does_padding_matter: Zeros in the statistics

    padding_counted: the padding is counted: mean and variance run over all steps
        mean = x.mean(axis=(0, 1))
        var = x.var(axis=(0, 1))
        | The zeros behind a short sequence are no values. They pull the mean to 0 and change the variance.

    padding_in_the_count: the sums are divided by the number of all steps
        n = real.size
        | The zeros add nothing to a sum, but real.size counts them. Only the real steps count: real.sum().

    padding_in_the_variance: the squares of the padding are added up too
        sum_of_squares = ((x - mean) ** 2).sum(axis=(0, 1))
        | At the padding x − μ is −μ, and its square is not 0. The mask must come before the sum.

    > deeper/does_padding_matter: A mask

    mask_from_the_values: a step whose values are all 0 is taken for padding
        mask = x.any(axis=2, keepdims=True)
        n = mask.sum()
        | A real step can be 0 in all channels, too. `real` says which steps are real.

    each_sequence_alone: each sequence has statistics of its own
        mean = (x * mask).sum(axis=1, keepdims=True) / mask.sum(axis=1, keepdims=True)
        var = (mask * (x - mean) ** 2).sum(axis=1, keepdims=True) / mask.sum(axis=1, keepdims=True)
        | That is instance normalization. BN takes the real steps of all sequences together.

    padding_not_zero: the padding does not come out as 0
        y = gamma * x_hat + beta
        | (0 − μ)·γ/σ + β is not 0. What comes next would take it for a value.

    > 03_scale_and_shift: Two numbers for each channel

    affine_forgotten: x̂ is returned: neither γ nor β is used
        y = mask * x_hat
        | x̂ is the normalized value. The layer's output is y, after γ and β.
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
        | reshape(N, C // G, G, …) spreads the channels over the groups. A group has adjacent channels.

    groups_too_small: G is taken for the number of channels in a group
        groups = x.reshape(len(x), -1, num_groups, *x.shape[2:])
        | num_groups says how many groups there are. A group has C / G channels.

    groups_over_batch: the pictures of the batch share the mean of a group
        axes = (0, 2, 3, 4)
        | GroupNorm looks at one picture at a time. That is what makes it free of the batch.

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
"""


def sequences(rng: np.random.Generator) -> list[Probe]:
    """Short ones to read; random ones off-center; one that varies less than ε; one as long as wide."""

    def random(lengths: list[int], c: int, eps: float, spread: float = 1.0) -> Probe:
        real = np.arange(max(lengths)) < np.array(lengths)[:, None]
        x = np.where(real[:, :, None], spread * values(rng, *real.shape, c), 0.0)
        return {"x": x, "real": real, **gamma_and_beta(rng, c), "eps": eps}

    read, many = random([4, 2, 1], 1, 0.5), random([3, 6, 1, 2], 4, 1e-5)
    many["x"][1, 2] = 0.0  # a real step may be 0 in all channels
    small, square = random([4, 2, 3], 2, 0.01, 0.003), random([3, 1, 2], 3, 0.3)
    return [readable(read), random([5, 2, 4], 3, 0.2), many, small, square]


def pictures(rng: np.random.Generator) -> list[Probe]:
    """Random pictures whose channels differ much, and G ≠ C/G; one that varies less than ε."""

    def random(shape: tuple, groups: int, eps: float, spread: float = 1.0) -> Probe:
        offset = rng.uniform(-5, 5, size=(*shape[:2], 1, 1))
        x = spread * rng.normal(offset, rng.uniform(1, 3, size=(1, shape[1], 1, 1)), shape)
        return {"x": x, "num_groups": groups, **gamma_and_beta(rng, shape[1]), "eps": eps}

    others = [random((3, 6, 2, 5), 2, 0.2), random((4, 6, 3, 2), 3, 1e-5)]
    return [readable(random((3, 4, 1, 1), 2, 0.5)), *others, random((3, 8, 2, 3), 2, 0.01, 0.003)]


EXERCISES = [
    named_letters(
        "choose_norms",
        CHOICES,
        others=("BN_for_each_step", "LN_of_the_sentence"),
        hints="""Ask of each case: how many values has a set? What may it see? What should be forgotten?
        Two must be folded away after training: only one family can be. In two a set would be too small.
        Each case is a row of the lesson's table, or two together. For F: what do one or two values leave?""",
        lesson=("08_choose_a_norm", "A table to choose by"),
    ),
    Check(
        group_norm,
        pictures,
        hints="""A reshape can give the groups an axis of their own.
        `x.reshape(N, G, C // G, H, W)`: which of the five axes belong to one group?
        Three of them, with `keepdims`. At the end y has the shape of `x`; γ and β belong to its axis 1.""",
        lesson=("08_choose_a_norm", "Two functions, five norms"),
        mistakes=(OF_GROUPS, IN_VARIANCE, IN_ROOT, re.sub(r"\bx\b", "groups", IN_X_HAT)),
    ),
    Check(
        masked_batch_norm,
        sequences,
        hints="""Only the real steps make the mean and the variance. How many are there?
        `x[real]` is a table of the real steps: BN as in lesson 03. Or sums, with `mask = real[:, :, None]`.
        `rows = x[real]`, normalize its columns, then `y = np.zeros_like(x)` and `y[real] = …`.""",
        lesson=("deeper/does_padding_matter", "A mask"),
        mistakes=(OF_PADDING, IN_VARIANCE, IN_ROOT, IN_X_HAT),
    ),
    one_change(
        "share_right",
        {"norm": "BN"},
        name="effect_of_norm",
        such_as='norm="GN"',
        lesson=("08_choose_a_norm", "What each norm forgets"),
    ),
]
