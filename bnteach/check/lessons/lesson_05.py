"""Lesson 05, train and infer: its exercises and their mistakes."""

# The class of the third exercise uses more lines of its recipe than those that it returns.
# ruff: noqa: F841

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..checking import Check
from ..mistakes import Mistake
from .backward import BACKWARD, batch_norm_backward  # noqa: F401 (a mistake below calls it)
from .layer_trial import class_from, drive
from .lesson_03 import AFFINE
from .letters import match_letters
from .normalizing import IN_ROOT, IN_VARIANCE, IN_X_HAT
from .own_experiment import experiment
from .recalibrating import NOT_RECALIBRATED, by_choices, choices, seeds, try_out


def update_running_statistics(x, running_mean, running_var, momentum):
    mean = x.mean(axis=0)
    unbiased = x.var(axis=0, ddof=1)
    new_mean = (1 - momentum) * running_mean + momentum * mean
    new_var = (1 - momentum) * running_var + momentum * unbiased
    return new_mean, new_var


OF_UPDATE = """
    > 05_train_and_infer: The running averages

    running_var_biased: the stored variance divides by n
        unbiased = x.var(axis=0)
        | To normalize, BN divides by n. What it stores is an estimate for all data, and divides by n − 1.

    running_std: the standard deviation is averaged, not the variance
        unbiased = x.std(axis=0, ddof=1)
        | The stored number is a variance; the root is taken when it is used.

    running_std_biased: the standard deviation is averaged, and it divides by n
        unbiased = x.std(axis=0)
        | The stored number is a variance, an estimate for all data. The root is taken when it is used.

    running_squares: the mean of the squares is stored, not the variance
        unbiased = (x**2).mean(axis=0)
        | The variance is measured from the mean of the batch. The mean of x² is larger by the mean, squared.

    around_running_mean: the variance is measured around the running mean
        unbiased = ((x - running_mean) ** 2).sum(axis=0) / (len(x) - 1)
        | The variance of a batch is measured around the mean of that batch.

    whole_var_corrected: N/(N − 1) multiplies the whole running variance
        new_var = ((1 - momentum) * running_var + momentum * x.var(axis=0)) * len(x) / (len(x) - 1)
        | The old average is unbiased already. Only the new variance is corrected, before it is mixed in.

    never_updated: the running statistics are never updated
        new_mean = running_mean
        new_var = running_var
        | They stay at what they were, and in evaluation the network sees other numbers than in training.

    running_replaced: the running statistics are replaced by those of the batch
        new_mean = mean
        new_var = unbiased
        | Then only the last batch counts. The momentum says how much of the old average stays.

    running_not_faded: the new batch is added, and the old average does not fade
        new_mean = running_mean + momentum * mean
        new_var = running_var + momentum * unbiased
        | The two weights must add up to 1. Otherwise the average grows with every batch.

    > 05_train_and_infer: Three conventions of momentum

    momentum_reversed: the momentum weighs the old average
        new_mean = momentum * running_mean + (1 - momentum) * mean
        new_var = momentum * running_var + (1 - momentum) * unbiased
        | That is Keras' convention. Here, as in PyTorch, momentum is the weight of the new batch.
"""

ALONG_ANOTHER_AXIS = """
    > 01_measure_a_batch: Along which axis?

    wrong_axis: the statistics run over axis 1, along a sample
        mean = x.mean(axis=1)
        unbiased = x.var(axis=1, ddof=1)
        | The axis that you name is the one that disappears. BN wants one mean for each channel.

    one_mean_for_all: one mean and one variance serve all channels
        mean = x.mean()
        unbiased = x.var(ddof=1)
        | Without an axis, NumPy takes the mean of all values, whatever their channel. Each needs its own.

    one_variance_for_all: each channel has its own mean, but one variance serves all channels
        unbiased = x.var(ddof=1)
        | Without an axis it is the variance of all values, of wide channels and of narrow ones.
"""


def update_probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read; then random ones, with a momentum below and above one half."""
    read = {
        "x": np.array([[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]]),
        "running_mean": np.array([1.0, 0.0]),
        "running_var": np.array([2.0, 1.0]),
        "momentum": 0.1,
    }
    others = (
        {
            "x": rng.normal(3, 2, size=(n, c)),
            "running_mean": rng.normal(size=c),
            "running_var": rng.uniform(0.5, 2, size=c),
            "momentum": momentum,
        }
        for n, c, momentum in ((5, 4, 0.3), (8, 3, 0.01), (4, 4, 0.8))
    )
    return [read, *others]


def batch_norm_inference(x, gamma, beta, running_mean, running_var, eps):
    mean = running_mean
    var = running_var
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * inv_std
    y = gamma * x_hat + beta
    return y


OF_STORED = """
    > 05_train_and_infer: A network that changes its mind

    batch_statistics_used: the statistics of the batch are used in evaluation
        mean = x.mean(axis=0)
        var = x.var(axis=0)
        | Then a prediction depends on its neighbors, and a batch of one gives β, always.

    batch_mean_used: the mean of the batch is used in evaluation
        mean = x.mean(axis=0)
        | The variance is the stored one, but the mean is measured on x. Both must be stored ones.

    batch_variance_used: the variance of the batch is used in evaluation
        var = x.var(axis=0)
        | The mean is the stored one, but the variance is measured on x. Both must be stored ones.

    stored_var_corrected: the stored variance is multiplied by (n − 1)/n
        var = running_var * (len(x) - 1) / len(x)
        | n counts the samples that come now. A single one would get the variance 0.

    stored_var_corrected_again: the stored variance is multiplied by n/(n − 1)
        var = running_var * len(x) / (len(x) - 1)
        | That was done when it was stored. n counts the samples that come now: with one, this divides by 0.
"""


def inference_probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read, a single sample, and random batches whose statistics are not the stored ones."""

    def random(n: int, c: int, eps: float, scale: float = 1.0) -> dict[str, Any]:
        return {
            "x": rng.normal(3, 2, size=(n, c)),
            "gamma": rng.uniform(1.5, 3, size=c),
            "beta": rng.uniform(-2, 2, size=c),
            "running_mean": rng.normal(1, 1, size=c),
            "running_var": scale * rng.uniform(0.5, 3, size=c),
            "eps": eps,
        }

    read = {
        "x": np.array([[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]]),
        "gamma": np.array([2.0, 0.5]),
        "beta": np.array([-1.0, 4.0]),
        "running_mean": np.array([2.0, 12.0]),
        "running_var": np.array([4.0, 100.0]),
        "eps": 0.5,
    }
    return [read, random(1, 3, 0.2), random(6, 4, 1e-5), random(5, 3, 0.01, 1e-5), random(4, 4, 0.3)]


def layer(num_features, x, dy, gamma, beta, running_mean, running_var, eps, momentum):
    initial_mean = np.zeros(num_features)
    initial_var = np.ones(num_features)
    n = len(x)
    mean = x.mean(axis=0)
    sum_of_squares = ((x - mean) ** 2).sum(axis=0)
    var = sum_of_squares / n
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * inv_std
    y = gamma * x_hat + beta
    unbiased = x.var(axis=0, ddof=1)
    new_mean = (1 - momentum) * running_mean + momentum * mean
    new_var = (1 - momentum) * running_var + momentum * unbiased
    dx_hat = dy * gamma
    along_mean = dx_hat.mean(axis=0)
    along_x_hat = x_hat * (dx_hat * x_hat).mean(axis=0)
    dx = inv_std * (dx_hat - along_mean - along_x_hat)
    dgamma = (dy * x_hat).sum(axis=0)
    dbeta = dy.sum(axis=0)
    mean_evaluation = running_mean
    var_evaluation = running_var
    new_mean_evaluation = running_mean
    new_var_evaluation = running_var
    along_mean_evaluation = 0
    along_x_hat_evaluation = 0
    training = True
    training_evaluation = False
    return dx, dgamma, dbeta


OF_LAYER = """
    > 05_train_and_infer: The running averages

    initial_var_zero: the running variance begins at 0
        initial_var = np.zeros(num_features)
        | Before any training the layer should change nothing: mean 0 and variance 1. With 0 it divides by √ε.

    > 05_train_and_infer: A network that changes its mind

    batch_statistics_in_evaluation: evaluation uses the statistics of the batch
        mean_evaluation = x.mean(axis=0)
        var_evaluation = x.var(axis=0)
        | Then a prediction depends on its neighbors. In evaluation BN uses the stored statistics.

    stored_statistics_in_training: training uses the stored statistics, as they were before this batch
        inv_std = 1 / np.sqrt(running_var + eps)
        x_hat = (x - running_mean) * inv_std
        | In training BN normalizes with the batch itself. The stored statistics are only kept up to date.

    running_average_in_training: training normalizes with the running averages, just updated
        inv_std = 1 / np.sqrt(new_var + eps)
        x_hat = (x - new_mean) * inv_std
        | In training BN normalizes with the batch itself. The averages are updated beside it, for evaluation.

    > 05_train_and_infer: Is this evaluation?

    updated_in_evaluation: the running statistics are updated in evaluation too
        new_mean_evaluation = (1 - momentum) * running_mean + momentum * x.mean(axis=0)
        new_var_evaluation = (1 - momentum) * running_var + momentum * unbiased
        | What is shown for testing would then change the network. Update only when training is True.

    > 05_train_and_infer: "BN does nothing at test time"

    training_dx_in_evaluation: dx in evaluation is computed as in training
        along_mean_evaluation = dx_hat.mean(axis=0)
        along_x_hat_evaluation = x_hat * (dx_hat * x_hat).mean(axis=0)
        | In evaluation mean and variance are constants: no path leads through them.

    batch_dx_in_evaluation: the backward pass in evaluation uses the statistics of the batch
        dx = batch_norm_backward(dy, x, gamma, eps)[0]
        dgamma = batch_norm_backward(dy, x, gamma, eps)[1]
        | Keep x_hat and the standard deviation that the last forward pass used, whatever its mode.
"""


def layer_probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Three batches of unequal statistics, and an upstream gradient; ε large enough to be seen."""

    def random(n: int, c: int, eps: float, momentum: float) -> dict[str, Any]:
        return {
            "x_1": rng.normal(3, 2, size=(n, c)),
            "x_2": rng.normal(-1, 1, size=(n, c)),
            "x_3": rng.normal(2, 3, size=(n, c)),
            "dy": rng.normal(size=(n, c)),
            "gamma": rng.uniform(1.5, 3, size=c),
            "beta": rng.uniform(-2, 2, size=c),
            "eps": eps,
            "momentum": momentum,
        }

    small = random(5, 3, 0.01, 0.9)  # varies less than ε
    small |= {name: 0.003 * small[name] for name in ("x_1", "x_2", "x_3")}
    return [random(3, 2, 0.5, 0.1), random(5, 4, 0.1, 0.3), random(4, 4, 1e-5, 0.7), small]


# Of the mistakes in lines that serve both modes: those that people make in one of them alone.
IN_TRAINING = ("eps_outside", "eps_forgotten", "eps_hard_coded", "eps_as_floor", "variance_for_std")
IN_TRAINING += ("inv_std_squared", "inv_std_missing", "dgamma_with_centered", "dgamma_with_gamma")
IN_EVALUATION = ("eps_outside", "eps_forgotten", "variance_for_std", "affine_forgotten")


def in_one_mode(check: Check, keys: tuple[str, ...], mode: str, condition: str) -> Iterator[Mistake]:
    """These mistakes, made where the condition holds."""
    for key in keys:
        both = check.known[key]
        lines = {
            name: f"({wrong}) if {condition} else ({check.recipe.steps[name]})"
            for name, wrong in both.lines.items()
        }
        yield replace(both, key=f"{key}_in_{mode}", title=f"in {mode}: {both.title}", lines=lines)


# The networks are made by bnteach.trials.clinic; the names stand in the exercise notebook.
FAULTS = {
    "A": "momentum_too_small",
    "B": "one_class_a_batch",
    "C": "validated_in_training_mode",
    "D": "buffers_not_loaded",
}
OTHER_NAMES = ("momentum_zero", "momentum_from_keras", "no_training")


def diagnose():
    named = dict(FAULTS)
    return named


EXERCISES = [
    Check(
        update_running_statistics,
        update_probes,
        hints=(
            "New average = a share of the old one + a share of the batch's. The two shares add up to 1.",
            "PyTorch's momentum is the share of the new batch. The variance that is stored is an estimate "
            "for all data: divided by N − 1, not by N.",
            "For the mean: `(1 - momentum) * running_mean + momentum * x.mean(axis=0)`. With `ddof=1` "
            "NumPy's variance divides by N − 1.",
        ),
        lesson=("05_train_and_infer", "The running averages"),
        mistakes=(OF_UPDATE, ALONG_ANOTHER_AXIS),
    ),
    Check(
        batch_norm_inference,
        inference_probes,
        hints=(
            "It is the formula of the forward pass. Where do the mean and the variance come from now?",
            "Nothing may be measured on `x`: no `x.mean`, no `x.var`, not even `len(x)`. A batch of one must "
            "work.",
            "Subtract `running_mean`, divide by `np.sqrt(running_var + eps)`, then γ and β.",
        ),
        lesson=("05_train_and_infer", "A network that changes its mind"),
        mistakes=(OF_STORED, IN_ROOT, IN_X_HAT, AFFINE),
    ),
    Check(
        diagnose,
        lambda rng: [{}, {}, {}],
        trial=match_letters(FAULTS, [*FAULTS.values(), *OTHER_NAMES]),
        has_slips=False,
        hints=(
            "Compare each row with the healthy one. Is the training loss good? Then the weights are good, "
            "and what is stored is not.",
            "How many batches are counted after 110 steps? A new layer has the running variance 1: how much "
            "of this 1 is left?",
            "0.999 to the power of 110 is 0.90. A running variance of exactly 1 has never moved; but with "
            "momentum 0 the batches would be counted all the same. And what else than training counts "
            "batches?",
        ),
        lesson=("05_train_and_infer", "When a network with BN fails"),
    ),
    Check(
        choices,
        seeds,
        name="recalibrate",
        takes=("network", "batches"),
        answer=by_choices,
        trial=try_out,
        has_slips=False,
        hints=(
            "A BN layer forgets by `layer.reset_running_stats()`. Which momentum gives the plain average? In "
            "which mode do the statistics move?",
            "`network.modules()` gives all layers, also those inside others; those with "
            "`isinstance(layer, torch.nn.BatchNorm1d)` are the BN layers. Show them every batch in training "
            "mode, under `torch.no_grad()`.",
            "Keep each `layer.momentum` in a list before you set it to `None`, and set it again afterward. "
            "End with `network.eval()`.",
        ),
        lesson=("deeper/diagnose_the_stored_statistics", "Training fine, evaluation far worse"),
        mistakes=(NOT_RECALIBRATED,),
    ),
    experiment(
        "effect_of_batches",
        hints=(
            "Make the network from the seed, recalibrate it, measure. Make it again, recalibrate it on other "
            "batches, measure.",
            "`torch.from_numpy(digits.x_train).split(60)` gives batches of 60; with `[:1]` only the first.",
            "`share_right(network)` is the number to return: once for each list of batches.",
        ),
        lesson=("deeper/diagnose_the_stored_statistics", "Training fine, evaluation far worse"),
    ),
    Check(
        layer,
        layer_probes,
        name="BatchNorm",
        takes=("num_features", "eps", "momentum"),
        answer=class_from,
        trial=drive,
        hints=(
            "You have all the parts: the forward pass, the compact formula of lesson 04 for the backward "
            "pass, and the running averages of lesson 05. `forward` must keep what `backward` needs.",
            "Keep three things: `x_hat`, the standard deviation that was used, and the mode. In training, "
            "normalize with the batch itself; the running statistics are updated beside it.",
            "In evaluation mean and variance are constants. Two of the three parts of `dx` are gone: what is "
            "left is `dx_hat` divided by the standard deviation that was used.",
        ),
        lesson=("05_train_and_infer", "Is this evaluation?"),
        mistakes=(OF_LAYER, OF_UPDATE, BACKWARD, IN_VARIANCE, IN_ROOT, IN_X_HAT, AFFINE),
    ),
]
BatchNorm = EXERCISES[-1]
for mistake in (
    *in_one_mode(BatchNorm, IN_TRAINING, "training", "training"),
    *in_one_mode(BatchNorm, IN_EVALUATION, "evaluation", "not training"),
):
    BatchNorm.known[mistake.key] = mistake
