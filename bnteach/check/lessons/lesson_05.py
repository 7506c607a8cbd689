"""Lesson 05, train and infer: its exercises and their mistakes."""

# The class of the third exercise uses more lines of its recipe than those that it returns.
# ruff: noqa: F841

from dataclasses import replace

import numpy as np

from ..checking import Check
from ..running import Probe
from .backward import BACKWARD, batch_norm_backward  # noqa: F401 (a mistake below calls it)
from .inputs import gamma_and_beta
from .layer_trial import class_from, drive
from .letters import named_letters
from .normalizing import IN_ROOT, IN_VARIANCE, IN_X_HAT
from .one_change import measured
from .recalibrating import NOT_RECALIBRATED, by_choices, choices, recalibrated_on, seeds, try_out


def layer(num_features, x, last_x, dy, gamma, beta, running_mean, running_var, eps, momentum):
    initial_gamma = np.ones(num_features)
    initial_beta = np.zeros(num_features)
    initial_mean = np.zeros(num_features)
    initial_var = np.ones(num_features)
    n = len(x)
    mean = x.mean(axis=0)
    sum_of_squares = ((x - mean) ** 2).sum(axis=0)
    var = sum_of_squares / n
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * inv_std
    y = gamma * x_hat + beta
    unbiased = x.var(axis=0) * (n / (n - 1))
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
    dx_evaluation = inv_std * dx_hat
    training = True
    training_evaluation = False
    return dx, dgamma, dbeta


OF_LAYER = """
    > 05_train_and_infer: Two conventions of momentum

    momentum_reversed: the momentum weighs the old average
        new_mean = momentum * running_mean + (1 - momentum) * mean
        new_var = momentum * running_var + (1 - momentum) * unbiased
        | That is Keras' convention. Here, as in PyTorch, momentum is the weight of the new batch.

    > 05_train_and_infer: The running averages

    running_var_biased: the stored variance divides by n
        unbiased = x.var(axis=0)
        | To normalize, BN divides by n. What it stores is an estimate for all data, and divides by n − 1.

    running_std: the standard deviation is averaged, not the variance
        unbiased = x.std(axis=0)
        | The stored number is a variance, an estimate for all data. The root is taken when it is used.

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

    initial_var_zero: the running variance begins at 0
        initial_var = np.zeros(num_features)
        | Before any training the layer should change nothing: mean 0 and variance 1. With 0 it divides by √ε.

    initial_gamma_zero: γ begins at 0
        initial_gamma = np.zeros(num_features)
        | Then the layer gives β, whatever comes in, and dx is 0: nothing in front of it learns. Begin with 1.

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
        dx_evaluation = inv_std * (dx_hat - along_mean - along_x_hat)
        | In evaluation mean and variance are constants: no path leads through them.

    batch_dx_in_evaluation: the backward pass in evaluation uses the statistics of the batch
        dx_evaluation = batch_norm_backward(dy, x, gamma, eps)[0]
        dgamma = batch_norm_backward(dy, x, gamma, eps)[1]
        | Keep x_hat and the standard deviation that the last forward pass used, whatever its mode.

    nothing_kept_in_evaluation: the backward pass in evaluation belongs to the last training batch
        dx_evaluation = batch_norm_backward(dy, last_x, gamma, eps)[0]
        dgamma = batch_norm_backward(dy, last_x, gamma, eps)[1]
        | Keep x_hat, the standard deviation and the mode in evaluation too, before forward returns.

    > 03_scale_and_shift: Two numbers for each channel

    affine_forgotten: x̂ is returned: neither γ nor β is used
        y = x_hat
        | x̂ is the normalized value. The layer's output is y, after γ and β.
"""


def layer_probes(rng: np.random.Generator) -> list[Probe]:
    """Three batches of unequal statistics, and a gradient; the last two vary so little that ε shows."""

    def random(n: int, c: int, eps: float, momentum: float, scale: float = 1.0) -> Probe:
        ends = {"x_1": (3, 2), "x_2": (-1, 1), "x_3": (2, 3)}
        batches = {name: scale * rng.normal(*pair, size=(n, c)) for name, pair in ends.items()}
        options = {"eps": eps, "momentum": momentum}
        return {**batches, "dy": rng.normal(size=(n, c)), **gamma_and_beta(rng, c), **options}

    usual = [random(3, 2, 0.5, 0.1), random(5, 4, 0.1, 0.3), random(4, 4, 1e-5, 0.7)]
    return [*usual, random(5, 3, 0.01, 0.995, 0.003), random(4, 3, 1e-5, 0.1, 0.001)]


# The networks are made by bnteach.trials.clinic; the names stand in the exercise notebook.
FAULTS = """
    A momentum_too_small: all 110 batches are counted, and the running variance has hardly moved from 1.
    B one_class_a_batch: the weights themselves are bad: look for a fault in what the network learns from.
    C validated_in_training_mode: more batches are counted than there were steps of training.
    D buffers_not_loaded: no batch is counted, but the loss is that of a trained network.
"""

EXERCISES = [
    named_letters(
        "diagnose",
        FAULTS,
        others=("momentum_zero", "momentum_from_keras", "no_training"),
        hints="""Is the loss that of the healthy network? Then the weights are good; what is stored is not.
        How many batches should be counted after 110 steps? Which of the faults change the weights?
        With momentum m, (1 − m)**110 of the first variance, 1, is left. With m = 0 batches do count.""",
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
        hints="""Which momentum gives the plain average? In which mode do the statistics move?
        `network.modules()` gives the inner layers too. Show every batch under `torch.no_grad()`.
        Keep each `layer.momentum` before you set it to `None`. End with `network.eval()`.""",
        lesson=("deeper/diagnose_the_stored_statistics", "Training fine, evaluation far worse"),
        mistakes=(NOT_RECALIBRATED,),
    ),
    measured(
        recalibrated_on,
        "share_right",
        name="effect_of_batches",
        hints="""Make the network from the seed, recalibrate, measure; make it again for the other batches.
        `torch.from_numpy(digits.x_train).split(60)` gives batches of 60; with `[:1]` only the first.
        `share_right(network)` is the number to return: once for each list of batches.""",
        lesson=("deeper/diagnose_the_stored_statistics", "Training fine, evaluation far worse"),
    ),
    Check(
        layer,
        layer_probes,
        name="BatchNorm",
        takes=("num_features", "eps", "momentum"),
        answer=class_from,
        trial=drive,
        hints="""The parts are in lessons 03, 04 and 05. What must `forward` keep for `backward`?
        Keep `x_hat`, the standard deviation that was used, and the mode. The update stands beside it.
        In evaluation mean and variance are constants: of `dx`, what is left is `dx_hat` over the std.""",
        lesson=("05_train_and_infer", "Is this evaluation?"),
        mistakes=(OF_LAYER, BACKWARD, IN_VARIANCE, IN_ROOT, IN_X_HAT),
    ),
]
BatchNorm = EXERCISES[-1]
# A line that serves both modes may be wrong in one of them alone.
for mode, condition in (("training", "training"), ("evaluation", "not training")):
    for key in ("variance_for_std", "eps_outside", "eps_forgotten", "eps_as_floor"):
        known, right = BatchNorm.known[key], BatchNorm.recipe.steps["inv_std"]
        lines = {"inv_std": f"({known.lines['inv_std']}) if {condition} else ({right})"}
        mistake = replace(known, key=f"{key}_in_{mode}", title=f"in {mode}: {known.title}", lines=lines)
        BatchNorm.known[mistake.key] = mistake
