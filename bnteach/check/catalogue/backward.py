"""Mistakes in the backward pass."""

import numpy as np

from ..mistake import Mistake

MISTAKES = [
    Mistake(
        key="variance_path_missing",
        title="the path through the variance is missing",
        confuses="x also moves σ², and σ² moves every x̂ of the channel. Treated as a constant, "
        "dx is no longer orthogonal to x̂.",
        mend="Subtract x_hat * (dx_hat * x_hat).mean(axis=0) before you multiply with 1/√(σ² + ε).",
        lesson=("04_derive_the_backward_pass", "The compact formula"),
        checks=("batch_norm_backward",),
        steps={"along_x_hat": lambda x_hat: np.zeros_like(x_hat)},
    ),
]
