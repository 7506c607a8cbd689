"""Mistakes with the other norms: the values that share one mean are not the right ones."""

import numpy as np

from ..mistake import Mistake

TABLE = ("08_choose_a_norm", "Two functions, five norms")
LAYER, GROUP = ("layer_norm",), ("group_norm",)


def normalized(values, axes, eps):
    mean, var = values.mean(axes, keepdims=True), values.var(axes, keepdims=True)
    return (values - mean) / np.sqrt(var + eps)


MISTAKES = [
    Mistake(
        key="layer_norm_over_batch",
        title="the mean runs over the batch: that is BN",
        confuses="BN takes the samples of one channel together. LayerNorm takes the channels of one sample.",
        mend="Use axis=1 with keepdims=True.",
        lesson=TABLE,
        checks=LAYER,
        steps={"y": lambda x, gamma, beta, eps: gamma * normalized(x, 0, eps) + beta},
    ),
    Mistake(
        key="layer_norm_over_all",
        title="one mean for the whole batch",
        confuses="Without an axis all samples share one mean, and then they depend on each other.",
        mend="Use axis=1 with keepdims=True.",
        lesson=TABLE,
        checks=LAYER,
        steps={"y": lambda x, gamma, beta, eps: gamma * normalized(x, None, eps) + beta},
    ),
    Mistake(
        key="layer_norm_keepdims_lost",
        title="the statistics of the samples meet the columns",
        confuses="Shape (N,) is lined up with the last axis, the channels. It is an error, or, where N = C, "
        "silently wrong.",
        mend="Measure with keepdims=True.",
        lesson=TABLE,
        checks=LAYER,
        steps={"y": lambda x, mean, inv_std, gamma, beta: gamma * (x - mean) * inv_std + beta},
    ),
    Mistake(
        key="parameters_per_sample",
        title="γ and β belong to the samples",
        confuses="LayerNorm measures each sample, but it learns one γ and one β for each channel.",
        mend="gamma * x_hat + beta, with x_hat in the shape of x.",
        lesson=TABLE,
        checks=LAYER,
        steps={"y": lambda x_hat, gamma, beta: gamma[:, None] * x_hat.T + beta[:, None]},
    ),
    Mistake(
        key="groups_interleaved",
        title="each group has every G-th channel",
        confuses="reshape(N, C // G, G, …) spreads the channels over the groups. A group has neighbors.",
        mend="x.reshape(N, G, C // G, H, W)",
        lesson=TABLE,
        checks=GROUP,
        steps={
            "y": lambda x, num_groups, gamma, beta, eps: (
                gamma[:, None, None]
                * normalized(x.reshape(len(x), -1, num_groups, *x.shape[2:]), (1, 3, 4), eps).reshape(x.shape)
                + beta[:, None, None]
            )
        },
    ),
    Mistake(
        key="groups_too_small",
        title="G is taken for the number of channels in a group",
        confuses="num_groups says how many groups there are. A group has C / G channels.",
        mend="x.reshape(N, G, C // G, H, W)",
        lesson=TABLE,
        checks=GROUP,
        steps={
            "y": lambda x, num_groups, gamma, beta, eps: (
                gamma[:, None, None]
                * normalized(x.reshape(len(x), -1, num_groups, *x.shape[2:]), (2, 3, 4), eps).reshape(x.shape)
                + beta[:, None, None]
            )
        },
    ),
    Mistake(
        key="groups_over_batch",
        title="the pictures of the batch share the mean of a group",
        confuses="GroupNorm looks at one picture at a time. That is what makes it free of the batch.",
        mend="Leave the first axis out of the mean.",
        lesson=TABLE,
        checks=GROUP,
        steps={
            "y": lambda x, num_groups, gamma, beta, eps: (
                gamma[:, None, None]
                * normalized(x.reshape(len(x), num_groups, -1, *x.shape[2:]), (0, 2, 3, 4), eps).reshape(
                    x.shape
                )
                + beta[:, None, None]
            )
        },
    ),
    Mistake(
        key="groups_without_places",
        title="the places of a picture are not taken together",
        confuses="A group has C/G · H · W values, and all of them share one mean.",
        mend="Take the mean over the channels of the group, and over height and width.",
        lesson=TABLE,
        checks=GROUP,
        steps={
            "y": lambda x, num_groups, gamma, beta, eps: (
                gamma[:, None, None]
                * normalized(x.reshape(len(x), num_groups, -1, *x.shape[2:]), 2, eps).reshape(x.shape)
                + beta[:, None, None]
            )
        },
    ),
    Mistake(
        key="groups_ignored",
        title="all channels form one group",
        confuses="That is GroupNorm with G = 1. The caller says how many groups there are.",
        mend="x.reshape(N, G, C // G, H, W)",
        lesson=TABLE,
        checks=GROUP,
        steps={
            "y": lambda x, gamma, beta, eps: (
                gamma[:, None, None] * normalized(x, (1, 2, 3), eps) + beta[:, None, None]
            )
        },
    ),
    Mistake(
        key="groups_of_one_channel",
        title="each channel is a group",
        confuses="That is instance normalization, or G = C. The caller says how many groups there are.",
        mend="x.reshape(N, G, C // G, H, W)",
        lesson=TABLE,
        checks=GROUP,
        steps={
            "y": lambda x, gamma, beta, eps: (
                gamma[:, None, None] * normalized(x, (2, 3), eps) + beta[:, None, None]
            )
        },
    ),
]
