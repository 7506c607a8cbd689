"""Mistakes in the backward pass node by node."""

import numpy as np

from ..mistake import Mistake

STAGED = ("staged_backward",)
RULES = ("04_derive_the_backward_pass", "Five rules for the backward pass")
LOWER_ROW = ("04_derive_the_backward_pass", "Back, part 2: the path square, var, std, inv_std")
MEETING = ("04_derive_the_backward_pass", "Back, part 3: two gradients meet")

MISTAKES = [
    Mistake(
        key="dinv_std_mean",
        title="the gradient of inv_std is a mean",
        confuses="inv_std is one number, used for all rows: its gradient is the sum of theirs.",
        mend="dinv_std = (dx_hat * x_centered).sum(axis=0)",
        lesson=RULES,
        checks=STAGED,
        steps={"dinv_std": lambda dx_hat, x_centered: (dx_hat * x_centered).mean(axis=0)},
    ),
    Mistake(
        key="dinv_std_with_x_hat",
        title="the gradient of inv_std is made with x̂",
        confuses="In x̂ = x_centered · inv_std the other factor is x_centered.",
        mend="dinv_std = (dx_hat * x_centered).sum(axis=0)",
        lesson=LOWER_ROW,
        checks=STAGED,
        steps={"dinv_std": lambda dx_hat, x_centered, std: (dx_hat * x_centered / std).sum(axis=0)},
    ),
    Mistake(
        key="dstd_sign",
        title="the minus of 1/s is forgotten",
        confuses="The derivative of 1/s is −1/s²: if std grows, inv_std falls.",
        mend="dstd = -dinv_std / std**2",
        lesson=LOWER_ROW,
        checks=STAGED,
        steps={"dstd": lambda dinv_std, std: dinv_std / std**2},
    ),
    Mistake(
        key="dstd_not_squared",
        title="std is not squared in the derivative of 1/s",
        confuses="The derivative of 1/s is −1/s², not −1/s.",
        mend="dstd = -dinv_std / std**2",
        lesson=LOWER_ROW,
        checks=STAGED,
        steps={"dstd": lambda dinv_std, std: -dinv_std / std},
    ),
    Mistake(
        key="half_forgotten",
        title="the 2 in the derivative of the root is forgotten",
        confuses="The derivative of √v is 1/(2√v).",
        mend="dvar = dstd / (2 * std)",
        lesson=LOWER_ROW,
        checks=STAGED,
        steps={"dvar": lambda dstd, std: dstd / std},
    ),
    Mistake(
        key="root_of_std",
        title="the root is taken of std, which is a root already",
        confuses="std = √v. The derivative of √v is 1/(2√v), and that is 1/(2 · std).",
        mend="dvar = dstd / (2 * std)",
        lesson=LOWER_ROW,
        checks=STAGED,
        steps={"dvar": lambda dstd, std: dstd / (2 * np.sqrt(std))},
    ),
    Mistake(
        key="root_multiplied",
        title="the gradient is multiplied by std, where it should be divided",
        confuses="The derivative of √v is 1/(2√v): the root stands below.",
        mend="dvar = dstd / (2 * std)",
        lesson=LOWER_ROW,
        checks=STAGED,
        steps={"dvar": lambda dstd, std: dstd * std / 2},
    ),
    Mistake(
        key="square_path_missing",
        title="x_centered gets nothing from the square",
        confuses="x_centered was used twice: in x̂ and in the square. The two gradients add up.",
        mend="dx_centered = dx_hat / std + 2 * x_centered * dvar / N",
        lesson=MEETING,
        checks=STAGED,
        steps={"dx_centered": lambda dx_hat, std: dx_hat / std},
    ),
    Mistake(
        key="product_path_missing",
        title="x_centered gets nothing from x̂",
        confuses="x_centered was used twice: in x̂ and in the square. The two gradients add up.",
        mend="dx_centered = dx_hat / std + 2 * x_centered * dvar / N",
        lesson=MEETING,
        checks=STAGED,
        steps={"dx_centered": lambda x_centered, dvar: 2 * x_centered * dvar / len(x_centered)},
    ),
    Mistake(
        key="product_times_std",
        title="dx_hat is multiplied by std on its path to x_centered",
        confuses="x_hat = x_centered · inv_std. So the other factor is inv_std, and that is 1/std.",
        mend="dx_hat / std, plus what comes from the square",
        lesson=MEETING,
        checks=STAGED,
        steps={
            "dx_centered": lambda dx_hat, std, x_centered, dvar: (
                dx_hat * std + 2 * x_centered * dvar / len(x_centered)
            )
        },
    ),
    Mistake(
        key="product_without_factor",
        title="dx_hat goes to x_centered without the factor inv_std",
        confuses="x_hat = x_centered · inv_std: the gradient of one factor is multiplied by the other.",
        mend="dx_hat / std, plus what comes from the square",
        lesson=MEETING,
        checks=STAGED,
        steps={
            "dx_centered": lambda dx_hat, x_centered, dvar: dx_hat + 2 * x_centered * dvar / len(x_centered)
        },
    ),
    Mistake(
        key="square_without_two",
        title="the 2 in the derivative of the square is forgotten",
        confuses="The derivative of a² is 2a.",
        mend="2 * x_centered * dvar / N",
        lesson=MEETING,
        checks=STAGED,
        steps={
            "dx_centered": lambda dx_hat, std, x_centered, dvar: (
                dx_hat / std + x_centered * dvar / len(x_centered)
            )
        },
    ),
    Mistake(
        key="variance_share_forgotten",
        title="dvar is not divided by N on its path to the rows",
        confuses="var is a sum divided by N. So each row gets 1/N of its gradient.",
        mend="2 * x_centered * dvar / N",
        lesson=LOWER_ROW,
        checks=STAGED,
        steps={"dx_centered": lambda dx_hat, std, x_centered, dvar: dx_hat / std + 2 * x_centered * dvar},
    ),
    Mistake(
        key="dmean_sign",
        title="the gradient of the mean has the wrong sign",
        confuses="x_centered = x − mean: minus gives the gradient a minus.",
        mend="dmean = -dx_centered.sum(axis=0)",
        lesson=MEETING,
        checks=STAGED,
        steps={
            "dmean": lambda dx_centered: dx_centered.sum(axis=0),
        },
    ),
    Mistake(
        key="dmean_is_a_mean",
        title="the gradient of the mean is a mean",
        confuses="The mean is one number, subtracted from all rows: its gradient is a sum. The 1/N comes "
        "one step later, from the mean's own formula.",
        mend="dmean = -dx_centered.sum(axis=0)",
        lesson=MEETING,
        checks=STAGED,
        steps={"dmean": lambda dx_centered: -dx_centered.mean(axis=0)},
    ),
    Mistake(
        key="mean_node_left_out",
        title="x gets nothing from the mean",
        confuses="x was used twice: directly, and in the mean. The two gradients add up.",
        mend="dx = dx_centered + dmean / N",
        lesson=MEETING,
        checks=STAGED,
        steps={"dx": lambda dx_centered: dx_centered},
    ),
    Mistake(
        key="mean_share_forgotten",
        title="dmean is not divided by N on its path to the rows",
        confuses="The mean is a sum divided by N. So each row gets 1/N of its gradient.",
        mend="dx = dx_centered + dmean / N",
        lesson=MEETING,
        checks=STAGED,
        steps={"dx": lambda dx_centered, dmean: dx_centered + dmean},
    ),
    Mistake(
        key="mean_share_subtracted",
        title="the share of the mean is subtracted",
        confuses="Two uses: the gradients add up. The minus is in dmean already.",
        mend="dx = dx_centered + dmean / N",
        lesson=MEETING,
        checks=STAGED,
        steps={"dx": lambda dx_centered, dmean: dx_centered - dmean / len(dx_centered)},
    ),
    Mistake(
        key="not_summed_back",
        title="the gradients of numbers that all rows share are not summed",
        confuses="inv_std and the mean are one number for a channel: shape (C,), and so are their gradients.",
        mend="Add .sum(axis=0) to dinv_std and dmean.",
        lesson=RULES,
        checks=STAGED,
        steps={
            "dinv_std": lambda dx_hat, x_centered: dx_hat * x_centered,
            "dmean": lambda dx_centered: -dx_centered,
        },
    ),
]
