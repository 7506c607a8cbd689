"""Mistakes with pictures: which values share one mean, and where the channels are."""

import numpy as np

from ..mistake import Mistake

CHANNELS = ("batch_norm_channels",)
PLACES = ("06_normalize_channels", "The mistake: statistics for each place")
TABLE = ("06_normalize_channels", "Nothing new: a table with N·H·W rows")
LAST = ("06_normalize_channels", "Channels last: the same function")


def normalized(x, axes, gamma, beta, eps, channel_axis):
    """BN with statistics over other axes; γ and β where they belong."""
    shape = [1] * x.ndim
    shape[channel_axis] = -1
    x_hat = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
    return gamma.reshape(shape) * x_hat + beta.reshape(shape)


def places(x, channel_axis):
    """The axes of height and width."""
    return tuple(axis for axis in range(1, x.ndim) if axis != channel_axis % x.ndim)


MISTAKES = [
    Mistake(
        key="per_element",
        title="each place of the picture has statistics of its own",
        confuses="axis=0 alone gives a mean for each pixel of each channel. A filter works in the same way "
        "at every place, so all places of a channel share one mean.",
        mend="Take the mean over all axes but the channels, not over axis 0 alone.",
        lesson=PLACES,
        checks=CHANNELS,
        steps={
            "y": lambda x, gamma, beta, eps, channel_axis: normalized(x, (0,), gamma, beta, eps, channel_axis)
        },
    ),
    Mistake(
        key="per_picture",
        title="each picture has statistics of its own",
        confuses="A mean over height and width alone is one for each picture: instance normalization. BN "
        "takes all pictures of the batch together.",
        mend="Take the mean over the batch axis too.",
        lesson=TABLE,
        checks=CHANNELS,
        steps={
            "y": lambda x, gamma, beta, eps, channel_axis: normalized(
                x, places(x, channel_axis), gamma, beta, eps, channel_axis
            )
        },
    ),
    Mistake(
        key="per_picture_all_channels",
        title="each picture is normalized as a whole, all channels together",
        confuses="A mean over all axes but the first is one for each sample: that is layer normalization. BN "
        "has one mean for each channel.",
        mend="Leave out the channel axis, not the batch axis.",
        lesson=TABLE,
        checks=CHANNELS,
        steps={
            "y": lambda x, gamma, beta, eps, channel_axis: normalized(
                x, (1, 2, 3), gamma, beta, eps, channel_axis
            )
        },
    ),
    Mistake(
        key="always_channels_first",
        title="the statistics always take axis 1 for the channels",
        confuses="In (N, H, W, C) axis 1 is the height. The caller says where the channels are.",
        mend="Use channel_axis, not 1.",
        lesson=LAST,
        checks=CHANNELS,
        steps={
            "y": lambda x, gamma, beta, eps, channel_axis: normalized(
                x, (0, 2, 3), gamma, beta, eps, channel_axis
            )
        },
    ),
    Mistake(
        key="always_channels_last",
        title="the statistics always take the last axis for the channels",
        confuses="In (N, C, H, W) the last axis is the width. The caller says where the channels are.",
        mend="Use channel_axis, not -1.",
        lesson=LAST,
        checks=CHANNELS,
        steps={
            "y": lambda x, gamma, beta, eps, channel_axis: normalized(
                x, (0, 1, 2), gamma, beta, eps, channel_axis
            )
        },
    ),
    Mistake(
        key="channel_axis_unused",
        title="channel_axis is not used: axis 1 always serves as the channels",
        confuses="In (N, H, W, C) axis 1 is the height. The caller says where the channels are, for "
        "the statistics and for γ and β.",
        mend="Use channel_axis, not 1, in all places.",
        lesson=LAST,
        checks=CHANNELS,
        steps={"y": lambda x, gamma, beta, eps: normalized(x, (0, 2, 3), gamma, beta, eps, 1)},
    ),
    Mistake(
        key="channel_axis_unused_last",
        title="channel_axis is not used: the last axis always serves as the channels",
        confuses="In (N, C, H, W) the last axis is the width. The caller says where the channels are, for "
        "the statistics and for γ and β.",
        mend="Use channel_axis, not -1, in all places.",
        lesson=LAST,
        checks=CHANNELS,
        steps={"y": lambda x, gamma, beta, eps: normalized(x, (0, 1, 2), gamma, beta, eps, -1)},
    ),
    Mistake(
        key="minus_one_not_left_out",
        title="with channel_axis −1 no axis is left out: −1 is not 3",
        confuses="The axes are counted 0, 1, 2, 3, and none of them equals −1. So the mean runs over all "
        "four, the channels too.",
        mend="Compare with channel_axis % 4: it turns −1 into 3.",
        lesson=LAST,
        checks=CHANNELS,
        steps={
            "y": lambda x, gamma, beta, eps, channel_axis: normalized(
                x, tuple(axis for axis in range(4) if axis != channel_axis), gamma, beta, eps, channel_axis
            )
        },
    ),
    Mistake(
        key="mean_over_channels",
        title="the mean runs over the channel axis alone",
        confuses="The axis that you name is the one that disappears. Name all axes but the channels.",
        mend="Take the mean over the three other axes.",
        lesson=TABLE,
        checks=CHANNELS,
        steps={
            "y": lambda x, gamma, beta, eps, channel_axis: normalized(
                x, (channel_axis,), gamma, beta, eps, channel_axis
            )
        },
    ),
    Mistake(
        key="parameters_on_last_axis",
        title="γ and β meet the last axis, not the channels",
        confuses="NumPy lines up shape (C,) with the last axis. In (N, C, H, W) that is the width. It is an "
        "error, or, where W = C, silently wrong.",
        mend="Reshape γ and β: C at channel_axis, 1 elsewhere.",
        lesson=LAST,
        checks=CHANNELS,
        steps={
            "y": lambda x, x_hat, gamma, beta, channel_axis: (
                gamma * np.moveaxis(x_hat.reshape(np.moveaxis(x, channel_axis, -1).shape), -1, channel_axis)
                + beta
            )
        },
    ),
    Mistake(
        key="statistics_on_last_axis",
        title="mean and variance meet the last axis, not the channels",
        confuses="Without keepdims they have shape (C,), and NumPy lines that up with the last axis. It is "
        "an error, or, where W = C, silently wrong.",
        mend="Measure with keepdims=True.",
        lesson=LAST,
        checks=CHANNELS,
        steps={
            "y": lambda x, mean, inv_std, gamma, beta, channel_axis: (
                ((x - mean) * inv_std)
                * gamma.reshape([-1 if axis == channel_axis % x.ndim else 1 for axis in range(x.ndim)])
                + beta.reshape([-1 if axis == channel_axis % x.ndim else 1 for axis in range(x.ndim)])
            )
        },
    ),
    Mistake(
        key="everything_on_last_axis",
        title="statistics, γ and β all meet the last axis, not the channels",
        confuses="NumPy lines up shape (C,) with the last axis. In (N, C, H, W) that is the width. It is an "
        "error, or, where W = C, silently wrong.",
        mend="Measure with keepdims=True, and reshape γ and β.",
        lesson=LAST,
        checks=CHANNELS,
        steps={"y": lambda x, mean, inv_std, gamma, beta: (x - mean) * inv_std * gamma + beta},
    ),
    Mistake(
        key="count_of_samples",
        title="the sum of squares is divided by N, not by N·H·W",
        confuses="A channel has N·H·W values. Divided by N alone the variance is H·W times too large.",
        mend="Divide by the number of values of a channel, or use x.var(axis=axes).",
        lesson=TABLE,
        checks=CHANNELS,
        steps={"divisor": lambda x: len(x)},
    ),
    Mistake(
        key="not_moved_back",
        title="the result is a table, not in the shape of x",
        confuses="A table with a row for each value is handy to compute with. The next layer wants pictures.",
        mend="Undo the reshape and the transpose at the end.",
        lesson=TABLE,
        checks=CHANNELS,
        steps={"y": lambda scaled: scaled},
    ),
    Mistake(
        key="reshaped_not_transposed",
        title="the table is made by reshape alone",
        confuses="reshape(-1, C) on (N, C, H, W) does not move the channels: it mixes them. The channel "
        "axis must be moved to the end first.",
        mend="np.moveaxis(x, channel_axis, -1).reshape(-1, C)",
        lesson=TABLE,
        checks=CHANNELS,
        steps={
            "table": lambda x, gamma: x.reshape(-1, len(gamma)),
            "y": lambda scaled, x: scaled.reshape(x.shape),
        },
    ),
]
