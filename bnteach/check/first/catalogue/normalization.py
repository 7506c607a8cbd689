"""Mistakes on the way from the statistics to x̂."""

from ..mistake import Mistake
from .applies_to import NORMALIZING, WITH_STD

DIVIDE = ("02_normalize", "Subtract, divide")

MISTAKES = [
    Mistake(
        key="variance_for_std",
        title="the variance stands where its root belongs",
        confuses="The variance is in the square of the unit of x. Only its root has the unit of x, so only "
        "that gives a standard deviation of 1.",
        mend="Take the root: np.sqrt(var + eps).",
        lesson=DIVIDE,
        checks=(*WITH_STD, "scale_like_training"),
        steps={"inv_std": lambda var, eps: 1 / (var + eps)},
    ),
    Mistake(
        key="variance_squared",
        title="the variance is squared where its root belongs",
        confuses="The variance is a mean of squares. To get back to the unit of x it needs a root, not "
        "another square.",
        mend="Take the root: np.sqrt(var + eps).",
        lesson=DIVIDE,
        checks=NORMALIZING,
        steps={"inv_std": lambda var, eps: 1 / (var + eps) ** 2},
    ),
    Mistake(
        key="mean_not_subtracted",
        title="the mean is not subtracted",
        confuses="Dividing sets the spread to 1, but leaves the values where they were: around mean/σ, not "
        "around 0.",
        mend="Subtract first: (x - mean) / np.sqrt(var + eps).",
        lesson=DIVIDE,
        checks=NORMALIZING,
        steps={"x_hat": lambda table, inv_std: table * inv_std},
    ),
    Mistake(
        key="division_forgotten",
        title="the mean is subtracted, but nothing is divided",
        confuses="Subtracting sets the mean to 0. The channels still have their different spreads.",
        mend="Divide by the standard deviation: (x - mean) / np.sqrt(var + eps).",
        lesson=DIVIDE,
        checks=NORMALIZING,
        steps={"x_hat": lambda centered: centered},
    ),
    Mistake(
        key="brackets_missing",
        title="brackets are missing around x − mean",
        confuses="Division comes before subtraction: x - mean / std is x - (mean / std).",
        mend="Write (x - mean) / np.sqrt(var + eps).",
        lesson=DIVIDE,
        checks=NORMALIZING,
        steps={"x_hat": lambda table, mean, inv_std: table - mean * inv_std},
    ),
    Mistake(
        key="multiplied_by_std",
        title="x − mean is multiplied by the standard deviation",
        confuses="Multiplying makes a wide channel wider still. Dividing gives all channels the same spread.",
        mend="Divide: (x - mean) / np.sqrt(var + eps).",
        lesson=DIVIDE,
        checks=NORMALIZING,
        steps={"x_hat": lambda centered, inv_std: centered / inv_std},
    ),
]
