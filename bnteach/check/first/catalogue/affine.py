"""Mistakes with γ and β in the forward pass."""

from ..mistake import Mistake

TWO_NUMBERS = ("03_scale_and_shift", "Two numbers for each channel")

MISTAKES = [
    Mistake(
        key="beta_scaled",
        title="β is added before γ is multiplied",
        confuses="γ·(x̂ + β) scales the shift too: the mean of y becomes γβ. In γ·x̂ + β it is β.",
        mend="First scale, then shift: gamma * x_hat + beta.",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward", "batch_norm_inference"),
        steps={"y": lambda gamma, x_hat, beta: gamma * (x_hat + beta)},
    ),
    Mistake(
        key="not_normalized",
        title="γ and β are applied to x, not to x̂",
        confuses="γ·x + β scales what came in. The mean of y is β and its spread is |γ| only if x is "
        "normalized first.",
        mend="Use x_hat: gamma * x_hat + beta.",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward", "batch_norm_inference"),
        steps={"y": lambda gamma, table, beta: gamma * table + beta},
    ),
    Mistake(
        key="mean_not_scaled",
        title="the mean is subtracted without being scaled",
        confuses="With x already multiplied by γ/σ, the mean must be multiplied by γ/σ too: (x − μ)·γ/σ = "
        "x·γ/σ − μ·γ/σ.",
        mend="Normalize first: x_hat = (x - mean) / std, then gamma * x_hat + beta.",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward", "batch_norm_inference"),
        steps={"y": lambda gamma, table, inv_std, mean, beta: table * gamma * inv_std + beta - mean},
    ),
    Mistake(
        key="gamma_before_mean",
        title="x is multiplied by γ before the mean is subtracted",
        confuses="γ·x has the mean γμ, and only μ is taken away. So some of the mean is left.",
        mend="Normalize first, then scale: gamma * x_hat + beta.",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward", "batch_norm_inference"),
        steps={"y": lambda gamma, table, mean, inv_std, beta: (gamma * table - mean) * inv_std + beta},
    ),
    Mistake(
        key="gamma_beta_swapped",
        title="γ and β have changed places",
        confuses="γ multiplies and β is added. Here β multiplies and γ is added.",
        mend="gamma * x_hat + beta",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward", "batch_norm_inference"),
        steps={"y": lambda gamma, x_hat, beta: beta * x_hat + gamma},
    ),
    Mistake(
        key="one_plus_gamma",
        title="x̂ is multiplied by 1 + γ",
        confuses="Some programs store γ − 1, so that 0 means no change. Here γ itself is the factor, and 1 "
        "means no change.",
        mend="gamma * x_hat + beta",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward", "batch_norm_inference"),
        steps={"y": lambda gamma, x_hat, beta: (1 + gamma) * x_hat + beta},
    ),
    Mistake(
        key="gamma_forgotten",
        title="γ is not used",
        confuses="x̂ + β has the right mean, but every channel has a standard deviation of about 1, not |γ|.",
        mend="gamma * x_hat + beta",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward", "batch_norm_inference"),
        steps={"y": lambda x_hat, beta: x_hat + beta},
    ),
    Mistake(
        key="beta_forgotten",
        title="β is not used",
        confuses="γ·x̂ has the right spread, but the mean of every channel is 0, not β.",
        mend="gamma * x_hat + beta",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward", "batch_norm_inference"),
        steps={"y": lambda gamma, x_hat: gamma * x_hat},
    ),
    Mistake(
        key="beta_subtracted",
        title="β is subtracted",
        confuses="The mean goes out with a minus, and β comes in with a plus.",
        mend="gamma * x_hat + beta",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward", "batch_norm_inference"),
        steps={"y": lambda gamma, x_hat, beta: gamma * x_hat - beta},
    ),
    Mistake(
        key="affine_forgotten",
        title="x̂ is returned: neither γ nor β is used",
        confuses="x̂ is the normalized value. The layer's output is y, after γ and β.",
        mend="Return gamma * x_hat + beta.",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward", "batch_norm_inference"),
        steps={"y": lambda x_hat: x_hat},
    ),
    Mistake(
        key="gamma_along_samples",
        title="γ and β are spread along the samples",
        confuses="γ and β have one number for each channel, and a channel is a column. gamma[:, None] puts "
        "them along the rows. When N = C, no error tells you.",
        mend="gamma * x_hat + beta is enough: NumPy lines γ up with the last axis, the columns.",
        lesson=TWO_NUMBERS,
        checks=("batch_norm_forward", "batch_norm_inference"),
        steps={"y": lambda gamma, x_hat, beta: gamma[:, None] * x_hat + beta[:, None]},
    ),
]
