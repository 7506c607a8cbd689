"""Lesson 06, normalize channels: its exercises and their mistakes."""

import numpy as np

from ..checking import Check
from ..running import Probe
from .inputs import gamma_and_beta, of_layer, readable, values
from .lesson_02 import standardize  # noqa: F401 (a mistake below normalizes with it)
from .letters import named_letters
from .normalizing import IN_ROOT, IN_VARIANCE, IN_X_HAT
from .one_change import one_change


def batch_norm_channels(x, gamma, beta, eps, channel_axis):
    axes = tuple(axis for axis in range(4) if axis != channel_axis % 4)
    shape = tuple(-1 if axis == channel_axis % 4 else 1 for axis in range(4))
    mean = x.mean(axis=axes, keepdims=True)
    n = x.size / mean.size
    sum_of_squares = ((x - mean) ** 2).sum(axis=axes, keepdims=True)
    var = sum_of_squares / n
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * inv_std
    y = gamma.reshape(shape) * x_hat + beta.reshape(shape)
    return y


OF_CHANNELS = """
    > 06_normalize_channels: One mean for each position?

    per_element: each position of the picture has statistics of its own
        axes = 0
        | axis=0 alone gives a mean for each pixel. A filter works alike at all positions: one mean.

    > 06_normalize_channels: The table of lesson 00 again

    per_picture: each picture has statistics of its own
        axes = tuple(axis for axis in (1, 2, 3) if axis != channel_axis % 4)
        | That is instance normalization. BN takes all pictures of the batch together.

    per_picture_all_channels: each picture is normalized as a whole, all channels together
        axes = (1, 2, 3)
        | That is layer normalization. BN has one mean for each channel, over all pictures.

    one_mean_for_all: one mean and one variance serve all channels
        axes = (0, 1, 2, 3)
        | Without an axis, NumPy takes the mean of all values, whatever their channel. Each needs its own.

    one_variance_for_all: each channel has its own mean, but one variance serves all channels
        var = x.var()
        | Without an axis it is the variance of all values, of wide channels and of narrow ones.

    count_of_samples: the sum of squares is divided by N, not by N·H·W
        n = len(x)
        | A channel has N·H·W values. Divided by N alone the variance is H·W times too large.

    reshaped_not_transposed: the table is made by reshape alone
        y = (gamma * standardize(x.reshape(-1, len(gamma)), eps) + beta).reshape(x.shape)
        | reshape(-1, C) on (N, C, H, W) mixes the channels. Write np.moveaxis(x, channel_axis, -1) first.

    reshaped_back_alone: the table is brought back into the shape of x by reshape alone
        y = (gamma * np.moveaxis(x_hat, channel_axis, -1) + beta).reshape(x.shape)
        | Its channels come last. Reshape to (N, H, W, C) first, then move the last axis to channel_axis.

    > 06_normalize_channels: Other layouts: the same rule

    always_channels_last: the statistics always take the last axis for the channels
        axes = (0, 1, 2)
        | In (N, C, H, W) the last axis is the width. The caller says where the channels are.

    channel_axis_unused: channel_axis is not used: axis 1 always serves as the channels
        axes = (0, 2, 3)
        shape = (1, -1, 1, 1)
        | In (N, H, W, C) axis 1 is the height. The caller says where the channels are.

    minus_one_not_left_out: with channel_axis −1 no axis is left out: −1 is not 3
        axes = tuple(axis for axis in range(4) if axis != channel_axis)
        | None of 0, 1, 2, 3 equals −1, so the mean runs over the channels too. channel_axis % 4 gives 3.

    > 06_normalize_channels: Subtract the mean

    parameters_on_last_axis: γ and β meet the last axis, not the channels
        y = gamma * x_hat + beta
        | NumPy lines up shape (C,) with the width: an error or, where W = C, silently wrong.

    statistics_on_last_axis: mean and variance meet the last axis, not the channels
        mean = x.mean(axis=axes)
        var = x.var(axis=axes)
        | Without keepdims they have shape (C,), and NumPy lines that up with the last axis: the width.
"""


def pictures(rng: np.random.Generator) -> list[Probe]:
    """Pictures to read; random ones in both layouts; one that varies less than ε; some with W or H = C."""

    def random(shape: tuple[int, ...], channel_axis: int, eps: float, spread: float = 2.0) -> Probe:
        c, *others = shape[channel_axis], *np.delete(shape, channel_axis)
        x = np.moveaxis(spread * values(rng, *others, c), -1, channel_axis)
        return {"x": x, **gamma_and_beta(rng, c), "eps": eps, "channel_axis": channel_axis}

    read, small = readable(random((3, 2, 1, 2), 1, 0.5)), random((3, 4, 2, 5), 1, 0.01, 0.003)
    usual = [random((4, 3, 5, 2), 1, 0.3), random((4, 5, 2, 3), -1, 1e-5)]
    return [read, *usual, small, random((5, 4, 3, 4), 1, 0.2), random((4, 4, 3, 4), 3, 0.4)]


def fold_batch_norm(weight, bias, gamma, beta, running_mean, running_var, eps):
    var = running_var
    inv_std = 1 / np.sqrt(var + eps)
    scale = gamma * inv_std
    new_weight = weight * scale[:, None, None, None]
    new_bias = (bias - running_mean) * scale + beta
    return new_weight, new_bias


FOLDED = """
    fold_mean_not_scaled: the running mean is not scaled
        new_bias = bias * scale - running_mean + beta
        | BN subtracts the mean before it divides. So the mean has the factor γ/√(σ² + ε) too.

    fold_beta_scaled: β is scaled
        new_bias = (bias - running_mean + beta) * scale
        | β is added after the factor.

    fold_input_axis: the factor meets the input channels of the weight
        new_weight = weight * scale[None, :, None, None]
        | weight has shape (out, in, height, width). BN's channels are those that come out: axis 0.
"""


def convolutions(rng: np.random.Generator) -> list[Probe]:
    """One to read; random ones; one varies less than ε, one has as many in as out."""

    def random(shape: tuple[int, ...], eps: float, scale: float = 1.0) -> Probe:
        old = {"weight": rng.normal(size=shape), "bias": rng.normal(1, 1, size=shape[0])}
        return {**old, **of_layer(rng, shape[0], scale), "eps": eps}

    read = readable(random((2, 2, 1, 1), 0.5))
    return [read, random((4, 3, 2, 3), 0.2), random((3, 5, 3, 3), 0.01, 1e-5), random((3, 3, 1, 2), 1e-5)]


# The functions stand in the exercise notebook of lesson 06.
BUGS = """
    A eps_outside: it is right for ε = 0, and wrong for ε = 0.5.
    B per_element: shift one position in all pictures: the rest of its channel does not change, but should.
    C n_minus_one: the standard deviation of a channel is a little less than γ, most in small channels.
    D beta_scaled: the mean of a channel is not β.
    E per_picture: change one picture: the other pictures do not change, but they should.
    F one_mean_for_all: change one channel: the other channels change, but they should not.
    G variance_for_std: multiply x by 10: the result gets smaller, but it should stay nearly the same.
    H count_of_samples: the standard deviation of a channel is much less than γ, most in large pictures.
"""

EXERCISES = [
    Check(
        batch_norm_channels,
        pictures,
        hints="""One mean for each channel. So over which axes does the mean run?
        `keepdims=True` makes statistics fit. γ and β need a shape: C at the channel axis, else 1.
        The axes are all of 0, 1, 2, 3 but `channel_axis % 4`: the `% 4` turns −1 into 3.""",
        lesson=("06_normalize_channels", "Other layouts: the same rule"),
        mistakes=(OF_CHANNELS, IN_VARIANCE, IN_ROOT, IN_X_HAT),
    ),
    Check(
        fold_batch_norm,
        convolutions,
        hints="""Write down what BN does to z = conv(x) + bias, and multiply out.
        One factor for each channel: γ / √(σ² + ε). What does it multiply?
        The filter as `scale[:, None, None, None]`, the old bias, the running mean; β is added last.""",
        lesson=("09_slim_and_fold", "Fold"),
        mistakes=(FOLDED, IN_ROOT),
    ),
    one_change(
        "share_right",
        {"right": 0, "down": 0, "contrast": 1.0, "negative": False},
        name="effect_of_change",
        such_as="right=1",
        lesson=("06_normalize_channels", "One mean for each position?"),
    ),
    named_letters(
        "spot_the_bug",
        BUGS,
        hints="""Read each line beside the formula: what is measured, over which axes, divided by what?
        Or try γ = 2, β = 1, ε = 0.5: is the mean of a channel β? Do the other pictures matter?
        Two use wrong axes, one none at all. Three have a wrong variance or count. What is left?""",
        lesson=("06_normalize_channels", "One mean for each position?"),
    ),
]
