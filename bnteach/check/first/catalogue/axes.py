"""Mistakes in the axis over which the statistics run."""

from ..mistake import Mistake
from .applies_to import STATISTICS

AXIS = ("01_measure_a_batch", "Along which axis?")

MISTAKES = [
    Mistake(
        key="wrong_axis",
        title="the statistics run over axis 1, along a sample",
        confuses="The axis that you name is the one that disappears. axis=1 mixes the channels of one "
        "sample; BN wants one mean for each channel, over all samples. When N = C, no error tells "
        "you.",
        mend="Use axis=0 for the mean and for the variance.",
        lesson=AXIS,
        checks=(*STATISTICS, "scale_like_training", "update_running_statistics"),
        steps={
            "n": lambda table: table.shape[1],
            "mean": lambda table: table.mean(axis=1),
            "sum_of_squares": lambda table: ((table - table.mean(axis=1, keepdims=True)) ** 2).sum(axis=1),
        },
    ),
    Mistake(
        key="wrong_axis_by_hand",
        title="the statistics run over axis 1, both times",
        confuses="The axis that you name is the one that disappears. axis=1 mixes the channels of one "
        "sample; BN wants one mean for each channel, over all samples. When N = C, no error tells "
        "you.",
        mend="Use axis=0 for the mean and for the variance.",
        lesson=AXIS,
        checks=STATISTICS,
        steps={
            "n": lambda table: table.shape[1],
            "mean": lambda table: table.mean(axis=1),
            "sum_of_squares": lambda centered: (centered**2).sum(axis=1),
        },
    ),
    Mistake(
        key="per_sample",
        title="each sample is normalized by itself (axis 1, with keepdims)",
        confuses="With keepdims=True the wrong axis always fits, so no error tells you. This is layer "
        "normalization: it compares the channels of one sample, not the samples of one channel.",
        mend="Use axis=0. Then keepdims is not needed.",
        lesson=AXIS,
        checks=("batch_statistics", "standardize", "batch_norm_forward"),
        steps={
            "n": lambda table: table.shape[1],
            "mean": lambda table: table.mean(axis=1, keepdims=True),
            "sum_of_squares": lambda table: ((table - table.mean(axis=1, keepdims=True)) ** 2).sum(
                axis=1, keepdims=True
            ),
        },
    ),
    Mistake(
        key="one_mean_for_all",
        title="one mean and one variance serve all channels",
        confuses="Without an axis, NumPy takes the mean of all values, whatever their channel. Each channel "
        "must have its own.",
        mend="Name the axis, for the mean and for the variance.",
        lesson=AXIS,
        checks=(*STATISTICS, "batch_norm_channels", "scale_like_training", "update_running_statistics"),
        steps={
            "n": lambda table: table.size,
            "mean": lambda table: table.mean(),
            "sum_of_squares": lambda table: ((table - table.mean()) ** 2).sum(),
        },
    ),
    Mistake(
        key="one_variance_for_all",
        title="each channel has its own mean, but one variance serves all channels",
        confuses="x.var() without an axis is the variance of all values. It does not know that one channel "
        "is wide and another one narrow.",
        mend="Name the axis of the variance, too.",
        lesson=AXIS,
        checks=(*STATISTICS, "batch_norm_channels", "scale_like_training", "update_running_statistics"),
        steps={
            "n": lambda table: table.size,
            "sum_of_squares": lambda table: ((table - table.mean()) ** 2).sum(),
        },
    ),
    Mistake(
        key="keepdims_left",
        title="the numbers are right, but keepdims leaves an axis of length 1",
        confuses="keepdims=True gives shape (1, C). Asked for is one number for each channel: shape (C,).",
        mend="Leave keepdims away, or take row 0 of what you have.",
        lesson=AXIS,
        checks=("batch_statistics", "identity_parameters"),
        steps={
            "mean": lambda table: table.mean(axis=0, keepdims=True),
            "sum_of_squares": lambda table: ((table - table.mean(axis=0)) ** 2).sum(axis=0, keepdims=True),
        },
    ),
]
