"""Checks of the exercises of lesson 05."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking import Check
from ..recipe import Recipe
from .backward_steps import COMPACT
from .forward_steps import NORMALIZING, STATISTICS
from .layer_trial import class_from, drive

UPDATING = {
    "unbiased": lambda sum_of_squares, n: sum_of_squares / (n - 1),
    "kept_mean": lambda mean: mean,
    "kept_var": lambda unbiased: unbiased,
    "weight": lambda momentum: momentum,
    "new_mean": lambda running_mean, kept_mean, weight: (1 - weight) * running_mean + weight * kept_mean,
    "new_var": lambda running_var, kept_var, weight: (1 - weight) * running_var + weight * kept_var,
}


def update_probes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A batch to read; then random ones, with a momentum below and above one half."""
    read = {
        "x": np.array([[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]]),
        "running_mean": np.array([1.0, 0.0]),
        "running_var": np.array([2.0, 1.0]),
        "momentum": 0.1,
    }
    sizes = ((5, 4, 0.3), (8, 3, 0.01), (4, 4, 0.8))
    return [
        read,
        *(
            {
                "x": rng.normal(3, 2, size=(n, c)),
                "running_mean": rng.normal(size=c),
                "running_var": rng.uniform(0.5, 2, size=c),
                "momentum": momentum,
            }
            for n, c, momentum in sizes
        ),
    ]


update_running_statistics = Check(
    name="update_running_statistics",
    takes=("x", "running_mean", "running_var", "momentum"),
    recipe=Recipe({**STATISTICS, **UPDATING}, returns=("new_mean", "new_var")),
    probes=update_probes,
    hints=(
        "New average = a share of the old one + a share of the batch's. The two shares add up to 1.",
        "PyTorch's momentum is the share of the new batch. The variance that is stored is an estimate "
        "for all data: divided by N − 1, not by N.",
        "For the mean: `(1 - momentum) * running_mean + momentum * x.mean(axis=0)`. With `ddof=1` "
        "NumPy's variance divides by N − 1.",
    ),
    lesson=("05_train_and_infer", "The running averages"),
)


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


batch_norm_inference = Check(
    name="batch_norm_inference",
    takes=("x", "gamma", "beta", "running_mean", "running_var", "eps"),
    recipe=Recipe(
        {
            "table": lambda x: x,
            "mean": lambda running_mean: running_mean,
            "var": lambda running_var: running_var,
            "centered": lambda table, mean: table - mean,
            "inv_std": NORMALIZING["inv_std"],
            "x_hat": NORMALIZING["x_hat"],
            "y": lambda gamma, x_hat, beta: gamma * x_hat + beta,
        },
        returns=("y",),
    ),
    probes=inference_probes,
    hints=(
        "It is the formula of the forward pass. Where do the mean and the variance come from now?",
        "Nothing may be measured on `x`: no `x.mean`, no `x.var`, not even `len(x)`. A batch of one must "
        "work.",
        "Subtract `running_mean`, divide by `np.sqrt(running_var + eps)`, then γ and β.",
    ),
    lesson=("05_train_and_infer", "A network that changes its mind"),
)


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


BatchNorm = Check(
    name="BatchNorm",
    takes=("num_features", "eps", "momentum"),
    recipe=Recipe(
        {
            **NORMALIZING,
            "y": lambda gamma, x_hat, beta: gamma * x_hat + beta,
            **UPDATING,
            **COMPACT,
            "initial_mean": lambda num_features: np.zeros(num_features),
            "initial_var": lambda num_features: np.ones(num_features),
            "mean_evaluation": lambda running_mean: running_mean,
            "var_evaluation": lambda running_var: running_var,
            "inv_std_evaluation": lambda var_evaluation, eps: 1 / np.sqrt(var_evaluation + eps),
            "x_hat_evaluation": lambda x, mean_evaluation, inv_std_evaluation: (
                (x - mean_evaluation) * inv_std_evaluation
            ),
            "y_evaluation": lambda gamma, x_hat_evaluation, beta: gamma * x_hat_evaluation + beta,
            "new_mean_evaluation": lambda running_mean: running_mean,
            "new_var_evaluation": lambda running_var: running_var,
            "dx_evaluation": lambda dx_hat, inv_std_evaluation: dx_hat * inv_std_evaluation,
            "dgamma_evaluation": lambda dy, x_hat_evaluation: (dy * x_hat_evaluation).sum(axis=0),
            "dbeta_evaluation": lambda dy: dy.sum(axis=0),
        },
        returns=("dx", "dgamma", "dbeta"),
    ),
    probes=layer_probes,
    hints=(
        "You have all the parts: the forward pass, the compact formula of lesson 04 for the backward pass, "
        "and the two functions above. `forward` must keep what `backward` needs.",
        "Keep three things: `x_hat`, the standard deviation that was used, and the mode. In training, "
        "normalize with the batch itself; the running statistics are updated beside it.",
        "In evaluation mean and variance are constants. Two of the three parts of `dx` are gone: what is "
        "left is `dx_hat` divided by the standard deviation that was used.",
    ),
    lesson=("05_train_and_infer", "Is this evaluation?"),
    make=class_from,
    trial=drive,
)

EXERCISES = [update_running_statistics, batch_norm_inference, BatchNorm]
