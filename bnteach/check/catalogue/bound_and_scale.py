"""Mistakes about how large x̂ can get, and about the gradient of weights before BN."""

import numpy as np

from ..mistake import Mistake

BOUND = ("02_normalize", "How large can it get?")
SCALE = ("02_normalize", '"The scale of the weights does not matter"')

MISTAKES = [
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
        mend="Solve a · L'(a·w) = L'(w) for the new gradient.",
        lesson=SCALE,
        checks=("gradient_after_rescaling",),
        steps={"new_dw": lambda dw: dw},
    ),
    Mistake(
        key="gradient_grows",
        title="the gradient is multiplied by a",
        confuses="Larger weights do not make the gradient larger here. The same change of the output needs "
        "a step a times as long, so the slope is a times smaller.",
        mend="Divide where you multiply.",
        lesson=SCALE,
        checks=("gradient_after_rescaling",),
        steps={"new_dw": lambda dw, a: dw * a},
    ),
    Mistake(
        key="divided_by_a_squared",
        title="the gradient is divided by a²",
        confuses="a² shows up in how far one step of gradient descent turns the weights: a gradient a times "
        "smaller, on weights a times longer. The gradient itself has one factor a.",
        mend="Divide by a once.",
        lesson=SCALE,
        checks=("gradient_after_rescaling",),
        steps={"new_dw": lambda dw, a: dw / a**2},
    ),
    Mistake(
        key="factor_along_rows",
        title="the factors are spread along the rows",
        confuses="a has one factor for each unit, and a unit is a column of dw. a[:, None] has one for each "
        "row.",
        mend="Leave the [:, None] away: NumPy lines a up with the last axis, the columns.",
        lesson=SCALE,
        checks=("gradient_after_rescaling",),
        steps={"new_dw": lambda dw, a: dw / a[:, None]},
    ),
    Mistake(
        key="product_along_rows",
        title="the gradient is multiplied by the factors, and they are spread along the rows",
        confuses="Two things. a has one factor for each unit, and a unit is a column of dw. And larger "
        "weights do not make the gradient larger: the slope is a times smaller.",
        mend="Divide, and let NumPy line a up with the columns by itself.",
        lesson=SCALE,
        checks=("gradient_after_rescaling",),
        steps={"new_dw": lambda dw, a: dw * a[:, None]},
    ),
]
