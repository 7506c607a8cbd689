"""Mistakes on the way from the statistics to x̂, and about what x̂ can be."""

import numpy as np

from ..mistake import Mistake

DIVIDE = ("02_normalize", "Subtract, divide")
EPSILON = ("02_normalize", '"After BN the standard deviation is 1": where ε goes, and when it matters')
BOUND = ("02_normalize", "How large can it get?")
SCALE = ("02_normalize", '"The scale of the weights does not matter"')

NORMALIZE = ("standardize", "batch_norm_forward")
WITH_STD = (*NORMALIZE, "identity_parameters", "batch_norm_backward")

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
        checks=NORMALIZE,
        steps={"x_hat": lambda centred, var, eps: centred / np.sqrt(var) + eps},
    ),
    Mistake(
        key="variance_for_std",
        title="the variance stands where its root belongs",
        confuses="The variance has the square of the unit of x: years². Only its root has the unit of x, so "
        "only that gives a standard deviation of 1.",
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
        checks=NORMALIZE,
        steps={"inv_std": lambda var, eps: 1 / (var + eps) ** 2},
    ),
    Mistake(
        key="mean_not_subtracted",
        title="the mean is not subtracted",
        confuses="Dividing sets the spread to 1, but leaves the values where they were: around mean/σ, not "
        "around 0.",
        mend="Subtract first: (x - mean) / np.sqrt(var + eps).",
        lesson=DIVIDE,
        checks=NORMALIZE,
        steps={"x_hat": lambda table, inv_std: table * inv_std},
    ),
    Mistake(
        key="division_forgotten",
        title="the mean is subtracted, but nothing is divided",
        confuses="Subtracting sets the mean to 0. The channels still have their different spreads.",
        mend="Divide by the standard deviation: (x - mean) / np.sqrt(var + eps).",
        lesson=DIVIDE,
        checks=NORMALIZE,
        steps={"x_hat": lambda centred: centred},
    ),
    Mistake(
        key="brackets_missing",
        title="brackets are missing around x − mean",
        confuses="Division comes before subtraction: x - mean / std is x - (mean / std).",
        mend="Write (x - mean) / np.sqrt(var + eps).",
        lesson=DIVIDE,
        checks=NORMALIZE,
        steps={"x_hat": lambda table, mean, inv_std: table - mean * inv_std},
    ),
    Mistake(
        key="multiplied_by_std",
        title="x − mean is multiplied by the standard deviation",
        confuses="Multiplying makes a wide channel wider still. Dividing gives all channels the same spread.",
        mend="Divide: (x - mean) / np.sqrt(var + eps).",
        lesson=DIVIDE,
        checks=NORMALIZE,
        steps={"x_hat": lambda centred, inv_std: centred / inv_std},
    ),
    Mistake(
        key="half_and_half",
        title="half of the values are at one end and half at the other",
        confuses="That gives the batch a large spread, and x_hat divides by the spread. Then every |x_hat| "
        "is about 1: none stands out.",
        mend="Let one value stand out, and make all the others equal.",
        lesson=BOUND,
        checks=("largest_x_hat_batch",),
        steps={"batch": lambda n: np.arange(n) < n // 2},
    ),
    Mistake(
        key="evenly_spaced",
        title="the values are evenly spaced",
        confuses="However far apart the values are: x_hat divides by their spread. For evenly spaced values "
        "the largest |x_hat| stays below √3.",
        mend="Let one value stand out, and make all the others equal.",
        lesson=BOUND,
        checks=("largest_x_hat_batch",),
        steps={"batch": lambda n: np.arange(n)},
    ),
    Mistake(
        key="two_extremes",
        title="two values stand out, one on each side",
        confuses="The two share the spread, so neither gets as far as one alone: √(n / 2) and not √(n − 1).",
        mend="Let one value stand out, and make all the others equal.",
        lesson=BOUND,
        checks=("largest_x_hat_batch",),
        steps={"batch": lambda n: np.r_[-1, 1, np.zeros(n - 2)]},
    ),
    Mistake(
        key="all_equal",
        title="all values are equal",
        confuses="Then none differs from the mean, and every x_hat is 0. Someone has to stand out.",
        mend="Change one value, and leave the n - 1 others equal.",
        lesson=BOUND,
        checks=("largest_x_hat_batch",),
        steps={"batch": lambda n: np.zeros(n)},
    ),
    Mistake(
        key="one_too_many",
        title="the batch has n + 1 values",
        confuses="One value that stands out and n others: together they are n + 1.",
        mend="n - 1 values are equal, and one stands out.",
        lesson=BOUND,
        checks=("largest_x_hat_batch",),
        steps={"batch": lambda n: np.arange(n + 1) == 0},
    ),
    Mistake(
        key="gradient_unchanged",
        title="the gradient is left as it was",
        confuses="The output does not change, but its slope along the weights does: longer weights must "
        "move farther for the same change of the output.",
        mend="The gradient is multiplied by 1/a: dw / a.",
        lesson=SCALE,
        checks=("gradient_after_rescaling",),
        steps={"new_dw": lambda dw: dw},
    ),
    Mistake(
        key="gradient_grows",
        title="the gradient is multiplied by a",
        confuses="Larger weights do not make the gradient larger here. The same change of the output needs "
        "a step a times as long, so the slope is a times smaller.",
        mend="Divide: dw / a.",
        lesson=SCALE,
        checks=("gradient_after_rescaling",),
        steps={"new_dw": lambda dw, a: dw * a},
    ),
    Mistake(
        key="divided_by_a_squared",
        title="the gradient is divided by a²",
        confuses="a² shows up in how far one step of gradient descent turns the weights: a gradient a times "
        "smaller, on weights a times longer. The gradient itself has one factor a.",
        mend="Divide once: dw / a.",
        lesson=SCALE,
        checks=("gradient_after_rescaling",),
        steps={"new_dw": lambda dw, a: dw / a**2},
    ),
    Mistake(
        key="factor_along_rows",
        title="the factors are spread along the rows",
        confuses="a has one factor for each unit, and a unit is a column of dw. a[:, None] has one for each "
        "row.",
        mend="dw / a is enough: NumPy lines a up with the last axis, the columns.",
        lesson=SCALE,
        checks=("gradient_after_rescaling",),
        steps={"new_dw": lambda dw, a: dw / a[:, None]},
    ),
]
