"""Mistakes with ε."""

import numpy as np

from ..mistake import Mistake
from .applies_to import NORMALIZING, WITH_STD

EPSILON = ("02_normalize", '"After BN the standard deviation is 1": where ε goes, and when it matters')

MISTAKES = [
    Mistake(
        key="eps_outside",
        title="ε is outside the root",
        confuses="√σ² + ε is not √(σ² + ε). The difference is large where the variance is small.",
        mend="Add eps to the variance first, then take the root: np.sqrt(var + eps).",
        lesson=EPSILON,
        checks=WITH_STD,
        steps={"inv_std": lambda var, eps: 1 / (np.sqrt(var) + eps)},
    ),
    Mistake(
        key="eps_forgotten",
        title="ε is not used",
        confuses="ε is part of what BN divides by. Without it, a channel that hardly varies is blown up to "
        "full size, and a constant one becomes 0/0.",
        mend="Add eps to the variance, inside the root: np.sqrt(var + eps).",
        lesson=EPSILON,
        checks=WITH_STD,
        steps={"inv_std": lambda var: 1 / np.sqrt(var)},
    ),
    Mistake(
        key="eps_hard_coded",
        title="ε is always 0.00001, whatever eps is given",
        confuses="1e-5 is only the usual value. The caller of your function chooses eps, and it must have "
        "an effect.",
        mend="Write eps where 1e-5 stands: np.sqrt(var + eps).",
        lesson=EPSILON,
        checks=WITH_STD,
        steps={"inv_std": lambda var: 1 / np.sqrt(var + 1e-5)},
    ),
    Mistake(
        key="eps_squared",
        title="ε is squared before it is added",
        confuses="ε is added to the variance as it is. √(σ² + ε²) would compare ε with the standard "
        "deviation.",
        mend="Write np.sqrt(var + eps), without a square on eps.",
        lesson=EPSILON,
        checks=WITH_STD,
        steps={"inv_std": lambda var, eps: 1 / np.sqrt(var + eps**2)},
    ),
    Mistake(
        key="eps_as_floor",
        title="ε is only a lower limit for the standard deviation",
        confuses="max(σ, ε) leaves σ as it is, unless σ is below ε. In √(σ² + ε), ε counts a little in "
        "every channel.",
        mend="Add eps to the variance, inside the root: np.sqrt(var + eps).",
        lesson=EPSILON,
        checks=WITH_STD,
        steps={"inv_std": lambda var, eps: 1 / np.maximum(np.sqrt(var), eps)},
    ),
    Mistake(
        key="eps_after_division",
        title="ε is added after the division",
        confuses="Division comes before addition: a / b + eps is (a / b) + eps. All values are moved by ε, "
        "and the root is left without it.",
        mend="Brackets: (x - mean) / np.sqrt(var + eps).",
        lesson=EPSILON,
        checks=NORMALIZING,
        steps={"x_hat": lambda centered, var, eps: centered / np.sqrt(var) + eps},
    ),
]
