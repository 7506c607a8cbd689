"""Mistakes in undoing the normalization with γ and β."""

import numpy as np

from ..mistake import Mistake

UNDO = ("03_scale_and_shift", "Undo it")

MISTAKES = [
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
]
