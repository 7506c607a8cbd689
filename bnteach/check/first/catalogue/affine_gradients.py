"""Mistakes in the gradients of γ and β."""

from ..mistake import Mistake

GRADIENTS = ("03_scale_and_shift", "The gradients of γ and β")

MISTAKES = [
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
