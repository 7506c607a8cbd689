"""Lesson 15, fine-tune and adapt: its exercises and their mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from .letters import named_letters
from .normalizing import IN_ROOT, IN_X_HAT
from .one_change import one_change

CAMERAS = {
    "A": "as_before",
    "B": "as_before",
    "C": "other",
    "D": "as_before",
    "E": "other",
    "F": "mirrored",
    "G": "other",
}
SIGNS = {
    "A": "what are a and c, where nobody divides by 255? BN divides, too.",
    "B": "fog multiplies and adds, in each pixel the same.",
    "C": "which pixels are cut at 1? The same in all pictures?",
    "D": "what does the scratch add to a channel? Does it depend on the picture?",
    "E": "is there one a for all pictures?",
    "F": "what is a here? Look at its sign.",
    "G": "a channel is a sum over both halves. Can one a turn the old sum into the new one?",
}


def mixed_x_hat(x, running_mean, running_var, prior, eps):
    new = len(x) / (len(x) + prior)
    batch_mean = x.mean(axis=0)
    batch_var = x.var(axis=0)
    mean = new * batch_mean + (1 - new) * running_mean
    var = new * batch_var + (1 - new) * running_var
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * inv_std
    return x_hat


OF_MIXING = """
    > 15_fine_tune_and_adapt: AdaBN and TENT

    weights_exchanged: the two weights are exchanged
        new = prior / (len(x) + prior)
        | The larger prior is, the more the stored statistics count. With prior = 0 the new ones are alone.

    prior_is_a_share: prior is taken for the weight of the stored statistics
        new = 1 - prior
        | prior is a number of pictures. The weight of the new statistics is n / (n + prior).

    only_the_new: the stored statistics do not count
        new = 1
        | That is AdaBN, prior = 0. Here the stored mean and variance have a weight, too.

    mean_not_mixed: only the variance is mixed
        mean = batch_mean
        | The mean of a few pictures is noisy as well: mix it with the same weights.

    variance_not_mixed: only the mean is mixed
        var = batch_var
        | The variance of a few pictures is noisy as well: mix it with the same weights.

    stds_mixed: standard deviations are mixed, not variances
        inv_std = 1 / (new * np.sqrt(batch_var + eps) + (1 - new) * np.sqrt(running_var + eps))
        | First mix the variances, then take the root.

    outputs_mixed: two normalized batches are mixed
        batch_var = np.sqrt(x.var(axis=0) + eps)
        var = np.sqrt(running_var + eps)
        x_hat = new * (x - batch_mean) / batch_var + (1 - new) * (x - running_mean) / var
        | Mix the statistics, then normalize once.

    distance_counted: the distance between the two means is counted in the variance
        batch_var = x.var(axis=0) + (1 - new) * (batch_mean - running_mean) ** 2
        | That is the variance of both kinds of pictures together. Here the new pictures alone are normalized.

    values_counted: all values of x are counted, not the pictures
        new = x.size / (x.size + prior)
        | x.size is n · C. A channel has n values: len(x).

    n_minus_one: the variance of the new pictures is divided by n − 1
        batch_var = x.var(axis=0, ddof=1)
        | That would be the one that PyTorch stores. Asked for is the variance divided by n.
"""


def fold_to_integers(weight, gamma, running_var, eps, bits):
    a = gamma / np.sqrt(running_var + eps)
    folded = a[:, None, None, None] * weight
    largest = np.abs(folded).max(axis=(1, 2, 3))
    top = 2 ** (bits - 1) - 1
    scales = largest / top
    integers = np.round(folded / scales[:, None, None, None])
    return integers, scales


OF_INTEGERS = """
    > 09_slim_and_fold: Fold

    fold_forgotten: the weights are not folded
        folded = weight
        | BN multiplies each filter by its a. Without it the scales are not those of the folded weights.

    variance_forgotten: the weights are multiplied by γ alone
        a = gamma
        | In evaluation BN also divides, by the root of running_var + ε.

    scale_before_the_fold: the scale is measured before the fold
        largest = np.abs(weight).max(axis=(1, 2, 3))
        | Then the folded weights may not reach the largest whole number, or go beyond it.

    > deeper/what_is_left_of_bn: Few bits

    one_scale: one scale serves all filters
        largest = np.full(len(weight), np.abs(folded).max())
        | A filter of small weights then has only a few small numbers. Each filter gets its own scale.

    sign_counted: the largest weight is taken with its sign
        largest = folded.max(axis=(1, 2, 3))
        | A filter's largest weight may be negative: take np.abs first.

    no_sign_bit: all bits are used for the size
        top = 2**bits - 1
        | One bit is the sign. 3 bits hold −3 to 3.

    one_too_many: the largest whole number is one too large
        top = 2 ** (bits - 1)
        | 3 bits hold −3 to 3, with 3 = 2² − 1.

    eps_outside: ε is outside the root
        a = gamma / (np.sqrt(running_var) + eps)
        | √σ² + ε is not √(σ² + ε).

    rounded_down: all numbers are rounded down
        integers = np.floor(folded / scales[:, None, None, None])
        | 2.9 becomes 2 then, and −0.1 becomes −1. Round to the nearest whole number.

    cut_off: the digits behind the point are cut off
        integers = np.trunc(folded / scales[:, None, None, None])
        | 2.9 becomes 2 then, and all weights shrink. Round to the nearest whole number.

    weights_returned: the rounded weights are returned, not the whole numbers
        integers = np.round(folded / scales[:, None, None, None]) * scales[:, None, None, None]
        | The device multiplies by the scale itself. Asked for are the whole numbers.
"""


def few_pictures(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read; then random ones that lie off the stored statistics; one that hardly varies."""

    def random(n: int, c: int, prior: float, eps: float, spread: float = 1.0) -> dict[str, Any]:
        return {
            "x": spread * rng.normal(rng.uniform(2, 5, size=c), rng.uniform(1, 3, size=c), (n, c)),
            "running_mean": spread * rng.uniform(-2, 0, size=c),
            "running_var": spread**2 * rng.uniform(4, 9, size=c),
            "prior": prior,
            "eps": eps,
        }

    read = {
        "x": np.array([[4.0], [8.0]]),
        "running_mean": np.array([0.0]),
        "running_var": np.array([8.0]),
        "prior": 6,
        "eps": 0.5,
    }
    return [read, random(5, 3, 16, 0.2), random(10, 4, 3, 1e-5), random(4, 2, 9, 0.01, 0.002)]


def filters(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Two filters to read; then random ones, some γ below 0, the largest weight of some negative."""

    def random(shape: tuple[int, ...], bits: int, eps: float) -> dict[str, Any]:
        weight = rng.uniform(-1, 1, size=shape)
        weight[::2, 0, 0, 0] = -2  # the largest weight of every second filter
        signs = np.where(np.arange(shape[0]) == 1, -1, 1)
        sizes = rng.uniform(0.2, 3, size=shape[0]), rng.uniform(0.1, 5, size=shape[0])
        return {
            "weight": weight,
            "gamma": signs * sizes[0],
            "running_var": sizes[1],
            "eps": eps,
            "bits": bits,
        }

    read = {
        "weight": np.array([[0.9, -2.0, 0.4], [1.0, 0.3, -0.7]]).reshape(2, 1, 1, 3),
        "gamma": np.array([3.0, 0.5]),
        "running_var": np.array([3.5, 0.75]),
        "eps": 0.5,
        "bits": 3,
    }
    return [read, random((4, 2, 3, 3), 4, 0.2), random((3, 3, 2, 4), 3, 1e-5), random((5, 1, 3, 2), 6, 0.05)]


def share_right(seed, pictures=450, brightness=0.5, digit=None):
    """Stands for the measurement of the exercise."""


EXERCISES = [
    named_letters(
        "name_the_cameras",
        CAMERAS,
        SIGNS,
        hints=(
            "Write the channel z of a new picture with the z of the old one. Is it a·z + c, with the same a "
            "and c for all pictures?",
            "A number that is added may differ from pixel to pixel. May a factor?",
            "Three are as before, and one is mirrored.",
        ),
        lesson=("15_fine_tune_and_adapt", "Another camera: which changes can statistics mend?"),
    ),
    Check(
        mixed_x_hat,
        few_pictures,
        hints=(
            "What should come out for `prior = 0`? And for a very large `prior`?",
            "The two weights add up to 1. They are n / (n + prior) and …",
            "Mix the means, mix the variances, then normalize once: the root comes last.",
        ),
        lesson=("15_fine_tune_and_adapt", "AdaBN and TENT"),
        mistakes=(OF_MIXING, IN_ROOT, IN_X_HAT),
    ),
    Check(
        fold_to_integers,
        filters,
        hints=(
            "Which number does the largest weight become, with 4 bits? What is the scale then?",
            "`[:, None, None, None]` makes an array of shape (out,) fit `weight`. The scale is measured "
            "after the fold.",
            "`np.abs(folded).max(axis=(1, 2, 3)) / (2 ** (bits - 1) - 1)`; `np.round`.",
        ),
        lesson=("09_slim_and_fold", "Fold"),
        mistakes=(OF_INTEGERS,),
    ),
    one_change(
        share_right,
        "effect_of_pictures",
        such_as="pictures=20",
        lesson=("15_fine_tune_and_adapt", "AdaBN and TENT"),
    ),
]
