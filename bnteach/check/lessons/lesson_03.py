"""Lesson 03, scale and shift: its exercises and their mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from . import lesson_02
from .normalizing import IN_ROOT, IN_VARIANCE, IN_X_HAT, OF_COLUMNS, PER_SAMPLE


def identity_parameters(x, eps):
    n = len(x)
    mean = x.mean(axis=0)
    sum_of_squares = ((x - mean) ** 2).sum(axis=0)
    var = sum_of_squares / n
    inv_std = 1 / np.sqrt(var + eps)
    gamma = 1 / inv_std
    beta = mean
    return gamma, beta


UNDO = """
    beta_over_std: β is −μ/σ
        beta = -mean * inv_std
        | −μ/σ belongs to the way in: x̂ = x/σ − μ/σ. On the way back γ has already stretched x̂ to the size
        | of x, and only μ is missing.

    gamma_reciprocal: γ is 1/σ
        gamma = inv_std
        | BN has divided by √(σ² + ε) already. 1/σ would divide a second time; to undo a division you
        | multiply.

    ones_and_zeros: γ = 1 and β = 0
        gamma = np.ones_like(mean)
        beta = np.zeros_like(mean)
        | These two leave x̂ as it is. Asked for are those that give x back.
"""


def batch_norm_forward(x, gamma, beta, eps):
    n = len(x)
    mean = x.mean(axis=0)
    sum_of_squares = ((x - mean) ** 2).sum(axis=0)
    var = sum_of_squares / n
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * inv_std
    y = gamma * x_hat + beta
    return y


AFFINE = """
    > 03_scale_and_shift: Two numbers for each channel

    not_normalized: γ and β are applied to x, not to x̂
        y = gamma * x + beta
        | γ·x + β scales what came in: its mean is β only if x is normalized first.

    gamma_beta_swapped: γ and β have changed places
        y = beta * x_hat + gamma
        | γ multiplies and β is added.

    gamma_along_samples: γ and β are spread along the samples
        y = gamma[:, None] * x_hat + beta[:, None]
        | A channel is a column. When N = C, no error tells you.

    affine_forgotten: x̂ is returned: neither γ nor β is used
        y = x_hat
        | x̂ is the normalized value. The layer's output is y, after γ and β.

    gamma_before_mean: x is multiplied by γ before the mean is subtracted
        y = (gamma * x - mean) * inv_std + beta
        | γ·x has the mean γμ, and only μ is taken away.

    mean_not_scaled: the mean is subtracted without being scaled
        y = x * gamma * inv_std + beta - mean
        | (x − μ)·γ/σ = x·γ/σ − μ·γ/σ.
"""


def with_parameters(probes: list[dict[str, Any]], rng: np.random.Generator) -> list[dict[str, Any]]:
    """The probes, each with a γ away from 1 and a β away from 0."""
    return [
        {
            "x": probe["x"],
            "gamma": rng.uniform(1.5, 3, probe["x"].shape[1]).astype(probe["x"].dtype),
            "beta": rng.uniform(-2, 2, probe["x"].shape[1]).astype(probe["x"].dtype),
            "eps": probe["eps"],
        }
        for probe in probes
    ]


def forward_probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """The batches of `standardize`; the first, to be read, with a round γ and β."""
    first, *others = with_parameters(lesson_02.probes(rng), rng)
    return [{**first, "gamma": np.array([2.0, 0.5]), "beta": np.array([-1.0, 4.0])}, *others]


def affine_gradients(dy, x_hat):
    dgamma = (dy * x_hat).sum(axis=0)
    dbeta = dy.sum(axis=0)
    return dgamma, dbeta


OF_PARAMETERS = """
    > 03_scale_and_shift: The gradients of γ and β

    dgamma_without_x_hat: dγ is computed without x̂
        dgamma = dy.sum(axis=0)
        | γ is multiplied by x̂, so its gradient has the factor x̂. Without it, dγ would be the same as dβ.

    dgamma_mean: dγ is a mean over the batch
        dgamma = (dy * x_hat).mean(axis=0)
        | One γ serves all samples, so their shares add up. If the loss is a mean, dy already has the 1/N in
        | it.

    dbeta_mean: dβ is a mean over the batch
        dbeta = dy.mean(axis=0)
        | One β serves all samples, so their shares add up. If the loss is a mean, dy already has the 1/N in
        | it.
"""

OF_ALL_SAMPLES = """
    summed_along_samples: the gradients are summed along axis 1
        dgamma = (dy * x_hat).sum(axis=1)
        dbeta = dy.sum(axis=1)
        | axis=1 adds up the channels of one sample. γ and β belong to a channel, and what they have in common
        | are the samples.

    one_sum_for_all: one sum serves all channels
        dgamma = (dy * x_hat).sum()
        dbeta = dy.sum()
        | Without an axis, NumPy adds up everything. Each channel has its own γ and its own β.

    sums_multiplied: dγ is the sum of dy times the sum of x̂
        dgamma = dy.sum(axis=0) * x_hat.sum(axis=0)
        | A sum of products is not the product of the sums. Multiply sample by sample, then add up.

    not_summed: the gradients are not added up over the batch
        dgamma = dy * x_hat
        dbeta = dy
        | γ and β have one number for each channel, and so have their gradients: shape (C,). All samples of a
        | channel share them, so their shares add up.
"""


def gradient_probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read; then random ones, with an upstream gradient whose mean is not 0."""
    read = {
        "dy": np.array([[1.0, 2.0], [0.0, -1.0], [-2.0, 4.0]]),
        "x_hat": np.array([[-1.0, 1.0], [0.0, 1.0], [1.0, -2.0]]),
    }
    sizes = ((5, 4), (7, 3), (4, 4))
    return [read, *({"dy": rng.normal(0.5, 1, size), "x_hat": rng.normal(size=size)} for size in sizes)]


EXERCISES = [
    Check(
        identity_parameters,
        lesson_02.probes,
        hard_probes=lesson_02.hard_probes,
        hints=(
            "BN first subtracts and then divides. To undo two steps, go backward: which one is undone first?",
            "Multiply by what was divided by: that is γ. Add what was subtracted: that is β.",
            "What BN divides by is not quite σ: look at the formula in exercise 1, with the ε in it.",
        ),
        lesson=("03_scale_and_shift", "Undo it"),
        mistakes=(IN_VARIANCE, OF_COLUMNS, IN_ROOT, UNDO),
    ),
    Check(
        batch_norm_forward,
        forward_probes,
        hard_probes=lambda rng: with_parameters(lesson_02.hard_probes(rng), rng),
        hints=(
            "You have written most of it in the exercises of lesson 02.",
            "Name the normalized value `x_hat`. Then one line remains. In which order: first scale, or first "
            "shift?",
            "`gamma` and `beta` fit the columns of `x_hat` as they are: no reshaping, no loop.",
        ),
        lesson=("03_scale_and_shift", "Two numbers for each channel"),
        mistakes=(AFFINE, IN_VARIANCE, OF_COLUMNS, PER_SAMPLE, IN_ROOT, IN_X_HAT),
    ),
    Check(
        affine_gradients,
        gradient_probes,
        hints=(
            "Look at one sample: if γ grows by a little, by how much does its y grow? And if β grows?",
            "The same γ and the same β serve all samples of a channel. What does the chain rule do with the "
            "shares of all samples?",
            "It adds them up. `dbeta` is the sum of `dy` over the samples. In `dgamma` each `dy` has a "
            "factor first.",
        ),
        lesson=("03_scale_and_shift", "The gradients of γ and β"),
        mistakes=(OF_PARAMETERS, OF_ALL_SAMPLES),
    ),
]
