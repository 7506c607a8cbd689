"""Mistakes in the variance that dropout makes in training and not in evaluation."""

import numpy as np

from ..mistake import Mistake

SHIFT = ("07_put_the_claims_on_trial", '"BN and dropout do not go together"')
DROPOUT = ("dropout_variance",)
WHOLE = "training = (var + mean**2) / (1 - p) - mean**2"

MISTAKES = [
    Mistake(
        key="kept_values_not_scaled",
        title="the kept values are not scaled by 1/(1 − p)",
        confuses="Dropout as PyTorch has it enlarges what it keeps, so that the mean stays as it is.",
        mend="What is kept is x / (1 - p): its square has 1 / (1 - p)**2.",
        lesson=SHIFT,
        checks=DROPOUT,
        steps={"scale": lambda: 1.0},
    ),
    Mistake(
        key="p_for_keep",
        title="p is taken for the share that is kept",
        confuses="p is the probability that a value is dropped. 1 − p of them are kept.",
        mend="keep = 1 - p",
        lesson=SHIFT,
        checks=DROPOUT,
        steps={"keep": lambda p: p},
    ),
    Mistake(
        key="mean_left_out",
        title="the mean plays no part",
        confuses="A dropped value jumps to 0, away from the mean. The larger the mean, the longer the jump.",
        mend=WHOLE,
        lesson=SHIFT,
        checks=DROPOUT,
        steps={"mean_of_squares": lambda var: var, "mean_dropped": lambda mean: 0 * mean},
    ),
    Mistake(
        key="zeros_not_counted",
        title="only the factor 1/(1 − p) is counted, not the zeros",
        confuses="The factor would multiply the variance by its square. But it meets the kept values alone; "
        "the others are 0.",
        mend="E[x²] becomes (1 - p) * (var + mean**2) / (1 - p)**2.",
        lesson=SHIFT,
        checks=DROPOUT,
        steps={"training": lambda var, scale: var * scale**2},
    ),
    Mistake(
        key="kept_share_forgotten",
        title="E[x²] gets the squared factor, but not the share 1 − p of values that are kept",
        confuses="The factor meets the kept values alone. The others are 0, and they count in the mean of "
        "the squares.",
        mend="E[x²] becomes (1 - p) * (var + mean**2) / (1 - p)**2.",
        lesson=SHIFT,
        checks=DROPOUT,
        steps={"squares_dropped": lambda mean_of_squares, scale: mean_of_squares * scale**2},
    ),
    Mistake(
        key="variance_for_squares",
        title="σ² is taken for E[x²]",
        confuses="The variance is E[x²] − E[x]², so E[x²] is σ² + μ².",
        mend="E[x²] is var + mean**2 before dropout, and (var + mean**2) / (1 - p) behind it.",
        lesson=SHIFT,
        checks=DROPOUT,
        steps={"mean_of_squares": lambda var: var},
    ),
    Mistake(
        key="dropout_makes_smaller",
        title="the variance is multiplied by 1 − p",
        confuses="Fewer values are left, but the zeros count as values too, and the kept ones are enlarged: "
        "the variance grows.",
        mend=WHOLE,
        lesson=SHIFT,
        checks=DROPOUT,
        steps={"training": lambda var, keep: var * keep},
    ),
    Mistake(
        key="square_of_mean_forgotten",
        title="the square of the mean is not subtracted",
        confuses="E[x²] is the variance only where the mean is 0.",
        mend="Subtract mean**2 at the end.",
        lesson=SHIFT,
        checks=DROPOUT,
        steps={"mean_dropped": lambda mean: 0 * mean},
    ),
    Mistake(
        key="mean_shrinks",
        title="the mean shrinks to (1 − p) of what it was",
        confuses="Without the factor it would. The factor 1/(1 − p) is there to keep the mean as it is.",
        mend="Subtract mean**2, without a factor.",
        lesson=SHIFT,
        checks=DROPOUT,
        steps={"mean_dropped": lambda mean, keep: keep * mean},
    ),
    Mistake(
        key="variance_unchanged",
        title="dropout leaves the variance as it is",
        confuses="The factor 1/(1 − p) keeps the mean. In E[x²] the factor is squared: one of the two is "
        "taken back by the share 1 − p of values that are kept, the other one stays.",
        mend="E[x²] becomes (var + mean**2) / (1 - p).",
        lesson=SHIFT,
        checks=DROPOUT,
        steps={"squares_dropped": lambda mean_of_squares, keep, scale: keep * scale * mean_of_squares},
    ),
    Mistake(
        key="variances_multiplied",
        title="the variance of x is multiplied by that of the mask",
        confuses="The variance of a product is not the product of the variances, even if the factors have "
        "nothing to do with each other. E[(x·m)²] is E[x²]·E[m²].",
        mend=WHOLE,
        lesson=SHIFT,
        checks=DROPOUT,
        steps={"training": lambda var, keep: var * (1 - keep) / keep},
    ),
    Mistake(
        key="ratio_inverted",
        title="the ratio is upside down",
        confuses="Asked for is the variance in evaluation beside the one in training: below 1.",
        mend="ratio = var / training",
        lesson=SHIFT,
        checks=DROPOUT,
        steps={"ratio": lambda var, training: training / var},
    ),
    Mistake(
        key="ratio_of_stds",
        title="the ratio is that of the standard deviations",
        confuses="Asked for is the ratio of the variances.",
        mend="ratio = var / training, without a root",
        lesson=SHIFT,
        checks=DROPOUT,
        steps={"ratio": lambda var, training: np.sqrt(var / training)},
    ),
]
