"""Lesson 09, slim and fold: its exercises and their mistakes."""

from typing import Any

import numpy as np

from ..answers import as_array
from ..checking import Check
from ..running import Probe
from .inputs import of_layer, readable
from .normalizing import IN_ROOT
from .one_change import Call, measured, weights_of


def l1_step(gamma, dgamma, rate, strength):
    reach = rate * strength
    moved = gamma - rate * dgamma
    size = np.maximum(np.abs(moved) - reach, 0)
    new_gamma = np.sign(moved) * size
    return new_gamma


IN_STEP = """
    over_zero: small γ go past 0, to the other side
        size = np.abs(moved) - reach
        | Where |γ| is smaller than the reach, γ stops at 0. Else it is on the other side after each step.

    subgradient_step: both moves are one, without a stop at 0
        new_gamma = moved - reach * np.sign(gamma)
        | That is the L1 line of the lesson, with which γ jumps around 0 and is never exactly 0.

    pull_in_proportion: the pull is proportional to γ: that is weight decay
        size = np.abs(moved) * (1 - reach)
        | Then γ shrinks by the same share in each step, and never gets to 0.

    pull_without_rate: the pull does not have the learning rate
        reach = strength
        | A step is rate times a slope. The slope of strength · |γ| is ±strength.
"""


def parameters_with_gradients(rng: np.random.Generator) -> list[Probe]:
    """γ of both signs; some are within reach of 0, and of some the gradient alone changes the sign."""

    def random(c: int, rate: float, strength: float) -> Probe:
        signs, reach = rng.permutation(np.resize([1, -1], c)), rate * strength
        gamma = signs * rng.uniform(3, 6, size=c) * reach
        gamma[:2] = 0.4 * reach, -0.6 * reach
        dgamma = rng.uniform(-0.3, 0.3, size=c) * strength
        dgamma[-2:] = 9 * strength * np.sign(gamma[-2:])
        return {"gamma": gamma, "dgamma": dgamma, "rate": rate, "strength": strength}

    read = {"gamma": np.array([2.0, -0.5, 0.1, 0.4]), "dgamma": np.array([1.0, -1.0, 0.2, 6.0])}
    return [
        read | {"rate": 0.2, "strength": 0.8},
        random(7, 0.5, 0.4),
        random(6, 0.1, 0.3),
        random(9, 1.5, 0.2),
    ]


def cut_channels(w_1, gamma, beta, mean, var, w_2, b_2, threshold):
    size = np.abs(gamma)
    stays = size > threshold
    new_w_1 = w_1[stays]
    new_gamma = gamma[stays]
    new_beta = beta[stays]
    new_mean = mean[stays]
    new_var = var[stays]
    new_w_2 = w_2[:, stays]
    gone = ~stays
    said = np.maximum(beta, 0)
    new_b_2 = b_2 + w_2[:, gone] @ said[gone]
    return new_w_1, new_gamma, new_beta, new_mean, new_var, new_w_2, new_b_2


IN_CUT = """
    cut_by_weights: the threshold is held against the weights
        size = np.abs(w_1).sum(axis=1)
        | Before BN the size of the weights says nothing: BN divides it out. γ is what is left.

    threshold_times_largest: the threshold is taken as a share of the largest |γ|
        stays = size > threshold * size.max()
        | Here threshold is a value of |γ| itself. Nothing is multiplied with it.

    first_layer_by_columns: the first layer loses columns, not rows
        new_w_1 = w_1[:, stays]
        | The rows of a weight are outputs, its columns inputs. The cut channels are outputs of w_1.

    next_layer_by_rows: the next layer loses rows, not columns
        new_w_2 = w_2[stays]
        | The rows of a weight are outputs, its columns inputs. The cut channels are inputs of w_2.

    masked_not_cut: the channels are set to 0, not cut
        new_w_1 = w_1 * stays[:, None]
        new_gamma = gamma * stays
        new_beta = beta * stays
        new_mean = mean * stays
        new_var = var * stays
        new_w_2 = w_2 * stays
        | A mask gives the same answers, but the tensors are as large as before, and so is the work.

    > 09_slim_and_fold: A channel with γ = 0

    constant_forgotten: what the cut channels said is forgotten
        new_b_2 = b_2
        | With γ = 0 a channel still says max(β, 0), the same to every sample. The next layer counted on it.

    constant_of_all: the constants of all channels are added
        new_b_2 = b_2 + w_2 @ said
        | The channels that stay still speak for themselves. Only what the cut ones said is missing.

    constant_not_weighted: the constants do not go through the weights of the next layer
        new_b_2 = b_2 + said[gone].sum()
        | Each output weighs each input. The bias of an output gets the constants with its weights.

    relu_behind_the_sum: the ReLU comes behind the weights of the next layer
        new_b_2 = b_2 + np.maximum(w_2[:, gone] @ beta[gone], 0)
        | The order of the network is BN, ReLU, weights. The ReLU meets β; the weighted sum may be below 0.
"""


def networks(rng: np.random.Generator) -> list[Probe]:
    """One to read; then random ones, with a γ of 0, one at the threshold and one just above it."""

    def random(inputs: int, hidden: int, outputs: int, cut: int) -> Probe:
        gamma = np.resize([-1, 1], hidden) * rng.uniform(0.8, 2.5, hidden)
        gamma[:cut] *= 0.1
        gamma[[0, 1, -1]] = 0, 0.5, 0.51
        beta = np.resize([1, -1], hidden) * rng.uniform(0.5, 2, hidden)
        w_1 = rng.normal(size=(hidden, inputs))
        w_1[-2] *= 0.1
        order = rng.permutation(hidden)
        first = {"w_1": w_1[order], "gamma": gamma[order], "beta": beta[order]}
        running = {"mean": rng.normal(2, 1, size=hidden), "var": rng.uniform(1, 3, size=hidden)}
        second = {"w_2": rng.normal(size=(outputs, hidden)), "b_2": rng.normal(size=outputs)}
        return {**first, **running, **second, "threshold": 0.5}

    first = {"w_1": np.arange(1.0, 9).reshape(4, 2), "gamma": np.array([1.5, 0.0, -2.0, 0.1])}
    running = {"mean": np.array([0.5, 1.5, 2.5, 3.5]), "var": np.array([1.0, 2.0, 3.0, 4.0])}
    second = {"w_2": np.array([[1.0, 10, 3, 4], [5, 20, 7, 8]]), "b_2": np.array([0.5, -0.5])}
    read = {**first, "beta": np.array([1.0, 2.0, 3.0, -4.0]), **running, **second, "threshold": 0.2}
    return [read, random(4, 7, 5, 3), random(6, 6, 6, 2), random(3, 9, 4, 5)]


def fold_into_next(gamma, beta, running_mean, running_var, eps, weight, bias):
    var = running_var
    inv_std = 1 / np.sqrt(var + eps)
    scale = gamma * inv_std
    shift = beta - running_mean * scale
    new_weight = weight * scale
    weighed = weight @ shift
    new_bias = bias + weighed
    return new_weight, new_bias


IN_FOLD = """
    bias_of_the_layer_before: the bias is that of the fold into the layer *before* BN
        new_bias = scale * (bias - running_mean) + beta
        | Here BN comes first: the layer weighs BN's shift, and adds its own bias after it.

    next_rows_scaled: the factor meets the rows of the weight
        new_weight = weight * scale[:, None]
        | BN stands before the layer, so its channels are what the layer takes: the columns.

    next_weight_summed: the new weight is weight @ scale: a matrix product, which sums
        new_weight = weight @ scale
        | Each column gets its factor, and nothing is added up: the new weight has the shape of the old one.

    next_shift_not_weighted: the shift does not go through the weight
        weighed = shift
        | The shift is added to the inputs of the layer. The layer weighs them, and so the shift.
"""


def linear_layers(rng: np.random.Generator) -> list[Probe]:
    """A layer to read; then random ones; one has as many outputs as inputs, one hardly varies."""

    def random(outputs: int, inputs: int, eps: float, scale: float = 1.0) -> Probe:
        linear = {"weight": rng.normal(1, 1, size=(outputs, inputs)), "bias": rng.normal(1, 1, size=outputs)}
        return {**of_layer(rng, inputs, scale), "eps": eps, **linear}

    others = [random(5, 3, 0.2), random(3, 4, 0.01, 1e-5), random(4, 4, 1e-5)]
    return [readable(random(3, 2, 0.5)), *others]


def cut_by(network: Any, sizes: Any) -> Call:
    """What counts is which half of the channels stays; as usual are those with the largest |γ|."""
    by_gamma = [larger_half(abs(bn.weight.detach())) for bn in (network.bn_1, network.bn_2)]
    stays = [larger_half(size) for size in sizes]
    return Call(weights_of(network), {} if stays == by_gamma else {"sizes": stays})


def larger_half(size: Any) -> list[bool]:
    size = as_array("size", size)
    return (size > np.sort(size)[(len(size) - 1) // 2]).tolist()


EXERCISES = [
    Check(
        l1_step,
        parameters_with_gradients,
        hints="""Two moves, one after the other: along the gradient of the loss, then toward 0.
        The second move makes |γ| smaller by rate · strength. What if |γ| is smaller than that?
        `np.maximum(size - reach, 0)` is the new size. The sign is that of γ after the first move.""",
        lesson=("09_slim_and_fold", "The L1 penalty"),
        mistakes=(IN_STEP,),
    ),
    Check(
        cut_channels,
        networks,
        hints="""Where does a channel live? In every array with a 4 in its shape: along which of its axes?
        `w_1[stays]` takes rows, `w_2[:, stays]` columns. What does ReLU make of a channel with γ = 0?
        A cut channel says max(β, 0) to all, weighed by a column of w_2. What else adds the same to all?""",
        lesson=("09_slim_and_fold", "Cut for real"),
        mistakes=(IN_CUT,),
    ),
    Check(
        fold_into_next,
        linear_layers,
        hints="""In evaluation BN is s · x + t, with numbers s and t for each channel. What are they?
        W (s · x + t) + b: multiply out. What stands before x, and what stands alone?
        `scale = gamma / np.sqrt(running_var + eps)` multiplies columns; the shift goes through `weight`.""",
        lesson=("09_slim_and_fold", "Fold"),
        mistakes=(IN_FOLD, IN_ROOT),
    ),
    measured(
        cut_by,
        "right_after_cut",
        name="effect_of_choice",
        hints="""Make the network of the seed, cut it by |γ|, measure; cut it by your own numbers, measure.
        `network.linear_1.weight` has a row for each channel of layer 1: `.norm(dim=1)` is its length.
        `right_after_cut(network, sizes)` is the number to return, once for each list of sizes.""",
        lesson=("09_slim_and_fold", "Three claims"),
    ),
]
