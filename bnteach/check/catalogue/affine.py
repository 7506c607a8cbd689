"""Mistakes with γ and β."""

import numpy as np

from ..mistake import Mistake

TWO_NUMBERS = ("03_scale_and_shift", "Two numbers for each channel")
UNDO = ("03_scale_and_shift", "Undo it")
GRADIENTS = ("03_scale_and_shift", "The gradients of γ and β")

MISTAKES = [
    Mistake(
        key="beta_scaled",
        title="β is added before γ is multiplied",
        confuses="γ·(x̂ + β) scales the shift too: the mean of y becomes γβ. In γ·x̂ + β it is β.",
        mend="First scale, then shift: gamma * x_hat + beta.",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward",),
        steps={"y": lambda gamma, x_hat, beta: gamma * (x_hat + beta)},
    ),
    Mistake(
        key="not_normalized",
        title="γ and β are applied to x, not to x̂",
        confuses="γ·x + β scales what came in. The mean of y is β and its spread is |γ| only if x is "
        "normalized first.",
        mend="Use x_hat: gamma * x_hat + beta.",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward",),
        steps={"y": lambda gamma, table, beta: gamma * table + beta},
    ),
    Mistake(
        key="mean_not_scaled",
        title="the mean is subtracted without being scaled",
        confuses="With x already multiplied by γ/σ, the mean must be multiplied by γ/σ too: (x − μ)·γ/σ = "
        "x·γ/σ − μ·γ/σ.",
        mend="Normalize first: x_hat = (x - mean) / std, then gamma * x_hat + beta.",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward",),
        steps={"y": lambda gamma, table, inv_std, mean, beta: table * gamma * inv_std + beta - mean},
    ),
    Mistake(
        key="gamma_before_mean",
        title="x is multiplied by γ before the mean is subtracted",
        confuses="γ·x has the mean γμ, and only μ is taken away. So some of the mean is left.",
        mend="Normalize first, then scale: gamma * x_hat + beta.",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward",),
        steps={"y": lambda gamma, table, mean, inv_std, beta: (gamma * table - mean) * inv_std + beta},
    ),
    Mistake(
        key="gamma_beta_swapped",
        title="γ and β have changed places",
        confuses="γ multiplies and β is added. Here β multiplies and γ is added.",
        mend="gamma * x_hat + beta",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward",),
        steps={"y": lambda gamma, x_hat, beta: beta * x_hat + gamma},
    ),
    Mistake(
        key="one_plus_gamma",
        title="x̂ is multiplied by 1 + γ",
        confuses="Some programs store γ − 1, so that 0 means no change. Here γ itself is the factor, and 1 "
        "means no change.",
        mend="gamma * x_hat + beta",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward",),
        steps={"y": lambda gamma, x_hat, beta: (1 + gamma) * x_hat + beta},
    ),
    Mistake(
        key="gamma_forgotten",
        title="γ is not used",
        confuses="x̂ + β has the right mean, but every channel has a standard deviation of about 1, not |γ|.",
        mend="gamma * x_hat + beta",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward",),
        steps={"y": lambda x_hat, beta: x_hat + beta},
    ),
    Mistake(
        key="beta_forgotten",
        title="β is not used",
        confuses="γ·x̂ has the right spread, but the mean of every channel is 0, not β.",
        mend="gamma * x_hat + beta",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward",),
        steps={"y": lambda gamma, x_hat: gamma * x_hat},
    ),
    Mistake(
        key="beta_subtracted",
        title="β is subtracted",
        confuses="The mean goes out with a minus, and β comes in with a plus.",
        mend="gamma * x_hat + beta",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward",),
        steps={"y": lambda gamma, x_hat, beta: gamma * x_hat - beta},
    ),
    Mistake(
        key="affine_forgotten",
        title="x̂ is returned: neither γ nor β is used",
        confuses="x̂ is the normalized value. The layer's output is y, after γ and β.",
        mend="Return gamma * x_hat + beta.",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward",),
        steps={"y": lambda x_hat: x_hat},
    ),
    Mistake(
        key="gamma_along_samples",
        title="γ and β are spread along the samples",
        confuses="γ and β have one number for each channel, and a channel is a column. gamma[:, None] puts "
        "them along the rows. When N = C, no error tells you.",
        mend="gamma * x_hat + beta is enough: NumPy lines γ up with the last axis, the columns.",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward",),
        steps={"y": lambda gamma, x_hat, beta: gamma[:, None] * x_hat + beta[:, None]},
    ),
    Mistake(
        key="beta_negative",
        title="β is −μ",
        confuses="BN has subtracted μ. To undo that you add μ; subtracting it again moves twice as far.",
        mend="beta = x.mean(axis=0)",
        lesson=UNDO,
        checks=("identity_parameters",),
        steps={"beta": lambda mean: -mean},
    ),
    Mistake(
        key="beta_over_std",
        title="β is −μ/σ",
        confuses="−μ/σ belongs to the way in: x̂ = x/σ − μ/σ. On the way back γ has already stretched x̂ to "
        "the size of x, and only μ is missing.",
        mend="beta = x.mean(axis=0)",
        lesson=UNDO,
        checks=("identity_parameters",),
        steps={"beta": lambda mean, inv_std: -mean * inv_std},
    ),
    Mistake(
        key="gamma_reciprocal",
        title="γ is 1/σ",
        confuses="BN has divided by √(σ² + ε) already. 1/σ would divide a second time; to undo a division "
        "you multiply.",
        mend="gamma = np.sqrt(x.var(axis=0) + eps)",
        lesson=UNDO,
        checks=("identity_parameters",),
        steps={"gamma": lambda inv_std: inv_std},
    ),
    Mistake(
        key="ones_and_zeros",
        title="γ = 1 and β = 0",
        confuses="These two leave x̂ as it is. Asked for are those that give x back.",
        mend="Undo both operations: gamma = np.sqrt(x.var(axis=0) + eps), beta = x.mean(axis=0).",
        lesson=UNDO,
        checks=("identity_parameters",),
        steps={"gamma": lambda mean: np.ones_like(mean), "beta": lambda mean: np.zeros_like(mean)},
    ),
    Mistake(
        key="dgamma_without_x_hat",
        title="dγ is computed without x̂",
        confuses="γ is multiplied by x̂, so its gradient has the factor x̂. Without it, dγ would be the "
        "same as dβ.",
        mend="dgamma = (dy * x_hat).sum(axis=0)",
        lesson=GRADIENTS,
        checks=("affine_gradients", "batch_norm_backward"),
        steps={"dgamma": lambda dy: dy.sum(axis=0)},
    ),
    Mistake(
        key="dgamma_mean",
        title="dγ is a mean over the batch",
        confuses="One γ serves all samples, so their shares add up. If the loss is a mean, dy already has "
        "the 1/N in it.",
        mend="dgamma = (dy * x_hat).sum(axis=0)",
        lesson=GRADIENTS,
        checks=("affine_gradients", "batch_norm_backward"),
        steps={"dgamma": lambda dy, x_hat: (dy * x_hat).mean(axis=0)},
    ),
    Mistake(
        key="dbeta_mean",
        title="dβ is a mean over the batch",
        confuses="One β serves all samples, so their shares add up. If the loss is a mean, dy already has "
        "the 1/N in it.",
        mend="dbeta = dy.sum(axis=0)",
        lesson=GRADIENTS,
        checks=("affine_gradients", "batch_norm_backward"),
        steps={"dbeta": lambda dy: dy.mean(axis=0)},
    ),
    Mistake(
        key="dbeta_with_x_hat",
        title="dβ has the factor x̂",
        confuses="β is added to γ·x̂, so it is multiplied by 1. Only γ is multiplied by x̂.",
        mend="dbeta = dy.sum(axis=0)",
        lesson=GRADIENTS,
        checks=("affine_gradients", "batch_norm_backward"),
        steps={"dbeta": lambda dy, x_hat: (dy * x_hat).sum(axis=0)},
    ),
    Mistake(
        key="summed_along_samples",
        title="the gradients are summed along axis 1",
        confuses="axis=1 adds up the channels of one sample. γ and β belong to a channel, and what they "
        "have in common are the samples.",
        mend="Sum over the samples: axis=0.",
        lesson=GRADIENTS,
        checks=("affine_gradients",),
        steps={"dgamma": lambda dy, x_hat: (dy * x_hat).sum(axis=1), "dbeta": lambda dy: dy.sum(axis=1)},
    ),
    Mistake(
        key="one_sum_for_all",
        title="one sum serves all channels",
        confuses="Without an axis, NumPy adds up everything. Each channel has its own γ and its own β, and "
        "so its own two gradients.",
        mend="Name the axis: .sum(axis=0).",
        lesson=GRADIENTS,
        checks=("affine_gradients",),
        steps={"dgamma": lambda dy, x_hat: (dy * x_hat).sum(), "dbeta": lambda dy: dy.sum()},
    ),
    Mistake(
        key="sums_multiplied",
        title="dγ is the sum of dy times the sum of x̂",
        confuses="A sum of products is not the product of the sums. Multiply sample by sample, then add up. "
        "(The sum of a real x̂ is 0.)",
        mend="dgamma = (dy * x_hat).sum(axis=0)",
        lesson=GRADIENTS,
        checks=("affine_gradients",),
        steps={"dgamma": lambda dy, x_hat: dy.sum(axis=0) * x_hat.sum(axis=0)},
    ),
    Mistake(
        key="not_summed",
        title="the gradients are not added up over the batch",
        confuses="γ and β have one number for each channel, and so have their gradients: shape (C,). All "
        "samples of a channel share them, so their shares add up.",
        mend="Add .sum(axis=0) to both.",
        lesson=GRADIENTS,
        checks=("affine_gradients",),
        steps={"dgamma": lambda dy, x_hat: dy * x_hat, "dbeta": lambda dy: dy},
    ),
]
