"""Mistakes in the compact backward pass."""

import numpy as np

from ..mistake import Mistake
from .applies_to import BACKWARD

MULTIPLIED_OUT = ("04_derive_the_backward_pass", "Multiply it out")
PICTURE = ("04_derive_the_backward_pass", "The formula is a picture")
PART_ONE = ("04_derive_the_backward_pass", "Five rules for the backward pass")
WHO_IS_WHO = ("04_derive_the_backward_pass", "Who is who?")

MISTAKES = [
    Mistake(
        key="variance_path_missing",
        title="the path through the variance is missing",
        confuses="x also moves σ², and σ² moves every x̂ of the channel. Treated as a constant, "
        "dx is no longer perpendicular to x̂.",
        mend="Subtract x_hat * (dx_hat * x_hat).mean(axis=0) before you multiply with 1/√(σ² + ε).",
        lesson=MULTIPLIED_OUT,
        checks=BACKWARD,
        steps={"along_x_hat": lambda x_hat: np.zeros_like(x_hat)},
    ),
    Mistake(
        key="mean_path_missing",
        title="the path through the mean is missing",
        confuses="x also moves the mean, and the mean moves every sample of the channel. Treated as a "
        "constant, dx no longer adds up to 0.",
        mend="Subtract dx_hat.mean(axis=0) before you multiply with 1/√(σ² + ε).",
        lesson=MULTIPLIED_OUT,
        checks=BACKWARD,
        steps={"along_mean": lambda dx_hat: np.zeros_like(dx_hat)},
    ),
    Mistake(
        key="both_paths_missing",
        title="mean and variance are treated as constants",
        confuses="γ/√(σ² + ε) · dy is the slope when the statistics are fixed, as in evaluation, or after "
        "detach(). In training they move with x.",
        mend="From dx_hat take away its mean and its share along x_hat, then multiply by inv_std.",
        lesson=WHO_IS_WHO,
        checks=BACKWARD,
        steps={
            "along_mean": lambda dx_hat: np.zeros_like(dx_hat),
            "along_x_hat": lambda x_hat: np.zeros_like(x_hat),
        },
    ),
    Mistake(
        key="variance_path_sign",
        title="the path through the variance has the wrong sign",
        confuses="A larger σ makes every x̂ smaller: 1/σ has a negative slope. The part along x̂ is taken "
        "away, not added.",
        mend="Write a minus before x_hat * (dx_hat * x_hat).mean(axis=0).",
        lesson=WHO_IS_WHO,
        checks=BACKWARD,
        steps={"along_x_hat": lambda dx_hat, x_hat: -x_hat * (dx_hat * x_hat).mean(axis=0)},
    ),
    Mistake(
        key="mean_path_sign",
        title="the path through the mean has the wrong sign",
        confuses="The mean is subtracted in the forward pass. So its part is taken away in the backward "
        "pass, too.",
        mend="Write a minus before dx_hat.mean(axis=0).",
        lesson=MULTIPLIED_OUT,
        checks=BACKWARD,
        steps={"along_mean": lambda dx_hat: -dx_hat.mean(axis=0)},
    ),
    Mistake(
        key="root_of_n",
        title="the two sums are divided by √N",
        confuses="Both parts are means over the batch: divided by N. √N belongs to the noise of a mean.",
        mend="Use .mean(axis=0) for both, or divide both sums by N.",
        lesson=WHO_IS_WHO,
        checks=BACKWARD,
        steps={
            "along_mean": lambda dx_hat: dx_hat.mean(axis=0) * len(dx_hat) ** 0.5,
            "along_x_hat": lambda dx_hat, x_hat: x_hat * (dx_hat * x_hat).mean(axis=0) * len(dx_hat) ** 0.5,
        },
    ),
    Mistake(
        key="sums_for_means",
        title="the two sums are not divided by N",
        confuses="In dx both parts are means over the batch. The sums without 1/N are dβ and dγ.",
        mend="Use .mean(axis=0) in dx.",
        lesson=MULTIPLIED_OUT,
        checks=BACKWARD,
        steps={
            "along_mean": lambda dx_hat: dx_hat.sum(axis=0),
            "along_x_hat": lambda dx_hat, x_hat: x_hat * (dx_hat * x_hat).sum(axis=0),
        },
    ),
    Mistake(
        key="means_by_n_minus_one",
        title="the two sums are divided by N − 1",
        confuses="The forward pass divides by N, and so does its derivative.",
        mend="Use .mean(axis=0) for both.",
        lesson=MULTIPLIED_OUT,
        checks=BACKWARD,
        steps={
            "along_mean": lambda dx_hat: dx_hat.sum(axis=0) / (len(dx_hat) - 1),
            "along_x_hat": lambda dx_hat, x_hat: x_hat * (dx_hat * x_hat).sum(axis=0) / (len(dx_hat) - 1),
        },
    ),
    Mistake(
        key="x_hat_forgotten",
        title="the mean of dx_hat·x̂ is subtracted without its factor x̂",
        confuses="The part along x̂ is an arrow: a number for the channel, times x̂ of each sample.",
        mend="Subtract x_hat * (dx_hat * x_hat).mean(axis=0).",
        lesson=PICTURE,
        checks=BACKWARD,
        steps={"along_x_hat": lambda dx_hat, x_hat: (dx_hat * x_hat).mean(axis=0)},
    ),
    Mistake(
        key="x_for_x_hat",
        title="x stands where x̂ should be",
        confuses="The second part lies along x̂, the normalized value. x has another length and another mean.",
        mend="Use x_hat in both places: x_hat * (dx_hat * x_hat).mean(axis=0).",
        lesson=PICTURE,
        checks=("batch_norm_backward",),
        steps={"along_x_hat": lambda dx_hat, x: x * (dx_hat * x).mean(axis=0)},
    ),
    Mistake(
        key="centered_for_x_hat",
        title="x − μ stands where x̂ should be",
        confuses="x̂ is x − μ divided by √(σ² + ε). Without the division the part along x̂ is too large or "
        "too small.",
        mend="Use x_hat in both places, or divide by var + eps.",
        lesson=PICTURE,
        checks=BACKWARD,
        steps={"along_x_hat": lambda dx_hat, centered: centered * (dx_hat * centered).mean(axis=0)},
    ),
    Mistake(
        key="gamma_forgotten_in_dx",
        title="γ is forgotten in dx",
        confuses="y = γ·x̂ + β, so dx_hat is dy·γ. The directions are right without it, the length is not.",
        mend="Begin with dx_hat = dy * gamma.",
        lesson=PART_ONE,
        checks=(*BACKWARD, "staged_backward"),
        steps={"dx_hat": lambda dy: dy},
    ),
    Mistake(
        key="gamma_in_one_term",
        title="γ is in the first term of dx alone",
        confuses="dx_hat contains γ; dβ and dγ do not. dβ/N is the mean of dy, not of dx_hat.",
        mend="Use means of dx_hat: dx_hat.mean(axis=0) and (dx_hat * x_hat).mean(axis=0).",
        lesson=MULTIPLIED_OUT,
        checks=BACKWARD,
        steps={
            "along_mean": lambda dy: dy.mean(axis=0),
            "along_x_hat": lambda dy, x_hat: x_hat * (dy * x_hat).mean(axis=0),
        },
    ),
    Mistake(
        key="mean_without_gamma",
        title="γ is missing in the mean that is subtracted",
        confuses="dx_hat contains γ; dβ does not. dβ/N is the mean of dy, not of dx_hat.",
        mend="Subtract dx_hat.mean(axis=0).",
        lesson=MULTIPLIED_OUT,
        checks=BACKWARD,
        steps={"along_mean": lambda dy: dy.mean(axis=0)},
    ),
    Mistake(
        key="share_without_gamma",
        title="γ is missing in the share along x̂",
        confuses="dx_hat contains γ; dγ does not. dγ/N is the mean of dy·x̂, not of dx_hat·x̂.",
        mend="Subtract x_hat * (dx_hat * x_hat).mean(axis=0).",
        lesson=MULTIPLIED_OUT,
        checks=BACKWARD,
        steps={"along_x_hat": lambda dy, x_hat: x_hat * (dy * x_hat).mean(axis=0)},
    ),
    Mistake(
        key="gamma_twice",
        title="γ is in dx twice",
        confuses="dx_hat = dy·γ has it already.",
        mend="Multiply by gamma once.",
        lesson=PART_ONE,
        checks=(*BACKWARD, "staged_backward"),
        steps={"dx_hat": lambda dy, gamma: dy * gamma**2},
    ),
    Mistake(
        key="divided_by_gamma",
        title="dy is divided by γ",
        confuses="In the forward pass x̂ is multiplied by γ. The chain rule multiplies by the same factor in "
        "the backward pass.",
        mend="dx_hat = dy * gamma",
        lesson=PART_ONE,
        checks=(*BACKWARD, "staged_backward"),
        steps={"dx_hat": lambda dy, gamma: dy / gamma},
    ),
    Mistake(
        key="inv_std_squared",
        title="dx has the factor 1/(σ² + ε), not 1/√(σ² + ε)",
        confuses="x is divided by the standard deviation, so dx is divided by the standard deviation too.",
        mend="The factor before the brackets is 1 / np.sqrt(var + eps).",
        lesson=WHO_IS_WHO,
        checks=BACKWARD,
        steps={"factor": lambda inv_std: inv_std**2},
    ),
    Mistake(
        key="inv_std_missing",
        title="dx lacks the factor 1/√(σ² + ε)",
        confuses="x̂ changes by 1/√(σ² + ε) when x changes by 1. This slope stands before the brackets.",
        mend="Multiply the brackets by 1 / np.sqrt(var + eps).",
        lesson=MULTIPLIED_OUT,
        checks=BACKWARD,
        steps={"factor": lambda inv_std: np.ones_like(inv_std)},
    ),
    Mistake(
        key="multiplied_by_std_back",
        title="dx is multiplied by √(σ² + ε)",
        confuses="The slope of x̂ is 1/√(σ² + ε): the wider x is spread, the smaller the gradient.",
        mend="Divide by np.sqrt(var + eps).",
        lesson=MULTIPLIED_OUT,
        checks=BACKWARD,
        steps={"factor": lambda inv_std: 1 / inv_std},
    ),
    Mistake(
        key="dgamma_with_x",
        title="dγ is made with x, not with x̂",
        confuses="γ multiplies x̂, so the factor in its gradient is x̂.",
        mend="dgamma = (dy * x_hat).sum(axis=0)",
        lesson=PART_ONE,
        checks=("batch_norm_backward",),
        steps={"dgamma": lambda dy, x: (dy * x).sum(axis=0)},
    ),
    Mistake(
        key="dgamma_with_centered",
        title="dγ is made with x − μ, not with x̂",
        confuses="γ multiplies x̂, and x̂ is x − μ divided by √(σ² + ε).",
        mend="dgamma = (dy * x_hat).sum(axis=0)",
        lesson=PART_ONE,
        checks=BACKWARD,
        steps={"dgamma": lambda dy, centered: (dy * centered).sum(axis=0)},
    ),
    Mistake(
        key="dgamma_with_gamma",
        title="dγ has the factor γ",
        confuses="y = γ·x̂ + β has the slope x̂ with respect to γ, whatever γ is. dx_hat has the factor γ; "
        "dγ is made with dy.",
        mend="dgamma = (dy * x_hat).sum(axis=0), with dy and not with dx_hat.",
        lesson=PART_ONE,
        checks=BACKWARD,
        steps={"dgamma": lambda dx_hat, x_hat: (dx_hat * x_hat).sum(axis=0)},
    ),
    Mistake(
        key="dgamma_dbeta_swapped",
        title="dγ and dβ have changed places",
        confuses="Both are right, but whoever calls your function takes the first for dγ.",
        mend="return dx, dgamma, dbeta",
        lesson=PART_ONE,
        checks=("batch_norm_backward",),
        returns=lambda names: (names[0], *names[:0:-1]),
    ),
    Mistake(
        key="means_along_samples",
        title="the means in dx are taken along axis 1",
        confuses="axis=1 averages the channels of one sample. The parts belong to a channel: they are means "
        "over the samples.",
        mend="Take both means over the batch: .mean(axis=0).",
        lesson=MULTIPLIED_OUT,
        checks=("batch_norm_backward",),
        steps={
            "along_mean": lambda dx_hat: dx_hat.mean(axis=1, keepdims=True),
            "along_x_hat": lambda dx_hat, x_hat: x_hat * (dx_hat * x_hat).mean(axis=1, keepdims=True),
        },
    ),
]
