"""Folding a BN layer into the convolution before it, in many styles."""

import math

import numpy as np
import torch

# Ways to the factor of a channel, to the weight, and to the bias.
SCALES = {
    "divided": lambda gamma, var, eps: gamma / np.sqrt(var + eps),
    "power": lambda gamma, var, eps: gamma * (var + eps) ** -0.5,
    "loops": lambda gamma, var, eps: np.array(
        [g / math.sqrt(v + eps) for g, v in zip(gamma, var, strict=True)]
    ),
    "torch": lambda gamma, var, eps: (
        torch.from_numpy(gamma) * torch.rsqrt(torch.from_numpy(var) + eps)
    ).numpy(),
    "float32": lambda gamma, var, eps: np.float32(gamma) / np.sqrt(np.float32(var) + np.float32(eps)),
}
WEIGHTS = {
    "None": lambda weight, scale: weight * scale[:, None, None, None],
    "reshape": lambda weight, scale: scale.reshape(-1, 1, 1, 1) * weight,
    "einsum": lambda weight, scale: np.einsum("oihw,o->oihw", weight, scale),
    "transposed": lambda weight, scale: (weight.T * scale).T,
    "table": lambda weight, scale: (np.diag(scale) @ weight.reshape(len(weight), -1)).reshape(weight.shape),
    "filters": lambda weight, scale: np.stack([s * w for s, w in zip(scale, weight, strict=True)]),
    "lists": lambda weight, scale: [(s * w).tolist() for s, w in zip(scale, weight, strict=True)],
    "in place on a copy": lambda weight, scale: np.multiply(
        weight, scale.reshape(-1, 1, 1, 1), out=weight.copy()
    ),
    "Fortran order": lambda weight, scale: np.asfortranarray(weight * scale[:, None, None, None]),
}
BIASES = {
    "factored": lambda bias, mean, scale, beta: (bias - mean) * scale + beta,
    "multiplied out": lambda bias, mean, scale, beta: bias * scale + (beta - mean * scale),
    "from the back": lambda bias, mean, scale, beta: beta - scale * (mean - bias),
    "loops": lambda bias, mean, scale, beta: [
        (b - m) * s + t for b, m, s, t in zip(bias, mean, scale, beta, strict=True)
    ],
}


def folded():
    """Each way to the weight, with the ways to the factor and to the bias in turn."""
    scales, biases = list(SCALES.items()), list(BIASES.items())
    for number, (name, new_weight) in enumerate(WEIGHTS.items()):
        for step in (0, 2):
            scale_name, scale = scales[(number + step) % len(scales)]
            bias_name, new_bias = biases[(number + step) % len(biases)]

            def answer(weight, bias, gamma, beta, mean, var, eps, s=scale, w=new_weight, b=new_bias):
                factor = s(gamma, var, eps)
                return w(weight, factor), b(bias, mean, factor, beta)

            yield f"{name}, {scale_name}, {bias_name}", answer
    yield "torch's own fusion", by_torch
    yield "measured", measured


def by_torch(weight, bias, gamma, beta, mean, var, eps):
    values = map(torch.from_numpy, (weight, bias, mean, var))
    weight, bias, mean, var = values
    return torch.nn.utils.fusion.fuse_conv_bn_weights(
        weight, bias, mean, var, eps, torch.from_numpy(gamma), torch.from_numpy(beta)
    )


def measured(weight, bias, gamma, beta, mean, var, eps):
    """What BN makes of the bias alone is the new bias; what a weight adds to it is the new weight."""

    def bn(z):
        return gamma * (z - mean) / np.sqrt(var + eps) + beta

    new_bias = bn(bias)
    new_weight = np.zeros_like(weight)
    for index in np.ndindex(weight.shape[1:]):
        new_weight[(slice(None), *index)] = bn(bias + weight[(slice(None), *index)]) - new_bias
    return new_weight, new_bias


STYLES = {"fold_batch_norm": dict(folded())}
