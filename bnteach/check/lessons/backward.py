"""The compact backward pass, and the mistakes in it, for the function and for the class."""

import numpy as np


def batch_norm_backward(dy, x, gamma, eps):
    n = len(x)
    mean = x.mean(axis=0)
    sum_of_squares = ((x - mean) ** 2).sum(axis=0)
    var = sum_of_squares / n
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * inv_std
    dx_hat = dy * gamma
    along_mean = dx_hat.mean(axis=0)
    along_x_hat = x_hat * (dx_hat * x_hat).mean(axis=0)
    dx = inv_std * (dx_hat - along_mean - along_x_hat)
    dgamma = (dy * x_hat).sum(axis=0)
    dbeta = dy.sum(axis=0)
    return dx, dgamma, dbeta


BACKWARD = """
    > 04_derive_the_backward_pass: Multiply it out

    x_for_x_hat: x stands where x̂ should be
        along_x_hat = x * (dx_hat * x).mean(axis=0)
        | The second part lies along x̂, the normalized value. x has another length and another mean.

    means_along_samples: the means in dx are taken along axis 1
        along_mean = dx_hat.mean(axis=1, keepdims=True)
        along_x_hat = x_hat * (dx_hat * x_hat).mean(axis=1, keepdims=True)
        | axis=1 averages the channels of one sample. Both parts are means over the samples of a channel.

    variance_path_missing: the path through the variance is missing
        along_x_hat = 0 * x_hat
        | x also moves σ², and so every x̂ of the channel. Without it, dx is not perpendicular to x̂.

    mean_path_missing: the path through the mean is missing
        along_mean = 0 * dx_hat
        | x also moves the mean, and so every sample of the channel. Without it, dx does not add up to 0.

    sums_for_means: the two sums are not divided by N
        along_mean = dx_hat.sum(axis=0)
        along_x_hat = x_hat * (dx_hat * x_hat).sum(axis=0)
        | In dx both parts are means over the batch. The sums without 1/N are dβ and dγ.

    mean_without_gamma: γ is missing in the mean that is subtracted
        along_mean = dy.mean(axis=0)
        | dx_hat contains γ; dβ does not. dβ/N is the mean of dy, not of dx_hat.

    share_without_gamma: γ is missing in the share along x̂
        along_x_hat = x_hat * (dy * x_hat).mean(axis=0)
        | dx_hat contains γ; dγ does not. dγ/N is the mean of dy·x̂, not of dx_hat·x̂.

    > deeper/test_a_backward_pass: Who is who?

    both_paths_missing: mean and variance are treated as constants
        along_mean = 0 * dx_hat
        along_x_hat = 0 * x_hat
        | γ/√(σ² + ε) · dy is right with fixed statistics, as in evaluation. In training they move with x.

    > 04_derive_the_backward_pass: The formula is a picture

    centered_for_x_hat: x − μ stands where x̂ should be, or a power −1/2 where −3/2 belongs
        along_x_hat = (x - mean) * (dx_hat * (x - mean)).mean(axis=0)
        | x̂ is x − μ divided by √(σ² + ε). Without the division the part along x̂ is too large or too small.

    > 04_derive_the_backward_pass: Five rules for the backward pass

    dgamma_with_centered: dγ is made with x − μ, not with x̂
        dgamma = (dy * (x - mean)).sum(axis=0)
        | γ multiplies x̂, and x̂ is x − μ divided by √(σ² + ε).

    > 03_scale_and_shift: The gradients of γ and β

    dgamma_mean: dγ is a mean over the batch
        dgamma = (dy * x_hat).mean(axis=0)
        | One γ serves all samples, so their shares add up. If the loss is a mean, dy has the 1/N already.

    dbeta_mean: dβ is a mean over the batch
        dbeta = dy.mean(axis=0)
        | One β serves all samples, so their shares add up.
"""
