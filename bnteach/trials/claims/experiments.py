"""The experiment behind most claims about batch normalization: one network learns the digits.

    learn(seed, batch_norm=..., learning_rate=..., ...)    what it has learned after some steps
    learn_until(seed, level=..., batch_norm=..., ...)      the steps it needs to learn so much

Both take a seed and settings and return named results, as `run_seeds` wants it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import count, islice

from torch import nn

from bnteach.data import Digits, digits
from bnteach.training.evaluation import accuracy
from bnteach.training.loop import Step, training_steps
from bnteach.training.networks import mlp
from bnteach.trials.claims.harder_digits import few_classes, fewer, noisy_pixels, wrong_labels
from bnteach.trials.claims.layers import ChangingNoise, GhostBatchNorm, SeededDropout, insert_after

__all__ = ["first_steps", "learn", "learn_until", "make_data", "make_network", "scores"]

ACTIVATIONS = {"ReLU": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
USUAL_SCALE = {"ReLU": 2**0.5, "sigmoid": 1.0, "tanh": 1.0}


def make_network(
    seed: int,
    *,
    batch_norm: bool = True,
    activation: str = "ReLU",
    layers: int = 3,
    width: int = 50,
    bn_position: str = "before",
    init_scale: float = 1.0,
    group: int | None = None,
    noise: float = 0.0,
    dropout: float = 0.0,
) -> nn.Sequential:
    """A fully connected network for the digits, as the settings say.

    Args:
        seed: of the weights, of noise and dropout.
        batch_norm, bn_position: as in `mlp`.
        activation: "ReLU", "sigmoid" or "tanh".
        layers, width: how many hidden layers, and how many units each has.
        init_scale: a factor on the usual size of the weights, √(2/n) for ReLU and √(1/n) otherwise.
        group: statistics over so many samples only, as in `GhostBatchNorm`; None for the whole batch.
        noise: the strength of `ChangingNoise` after each BN; 0 for none.
        dropout: the share of units that is set to zero in training, after each activation.

    Example:
        >>> [name for name, _ in make_network(0, layers=1, noise=0.5).named_children()]
        ['linear_1', 'bn_1', 'after_bn_1', 'activation_1', 'output']
    """
    model = mlp(
        [64, *[width] * layers, 10],
        ACTIVATIONS[activation],
        batch_norm,
        bn_position=bn_position,
        init_scale=init_scale * USUAL_SCALE[activation],
        seed=seed,
    )
    if group is not None:
        for k in range(1, layers + 1):
            setattr(model, f"bn_{k}", GhostBatchNorm(width, group))
    own_seeds = count(100 * seed)  # another one for each module that draws random numbers
    if noise:
        model = insert_after(model, "bn", lambda: ChangingNoise(noise, next(own_seeds)))
    if dropout:
        model = insert_after(model, "activation", lambda: SeededDropout(dropout, next(own_seeds)))
    return model


def make_data(
    seed: int, *, samples: int | None = None, wrong: float = 0.0, pixel_noise: float = 0.0
) -> Digits:
    """The digits, or a harder set made of them.

    Args:
        seed: of the choice of pictures and of the noise.
        samples: how many training pictures; None for all.
        wrong: the share of wrong training labels.
        pixel_noise: the standard deviation of the noise on each gray value.

    Example:
        >>> make_data(0, samples=100)
        Digits(x_train (100, 64) float32, x_test (450, 64))
    """
    data = _digits()
    if samples is not None:
        data = fewer(data, samples, seed)
    if wrong:
        data = wrong_labels(data, wrong, seed)
    return noisy_pixels(data, pixel_noise, seed) if pixel_noise else data


def first_steps(
    model: nn.Module, data: Digits, steps: int, *, batch_size: int = 60, classes: int = 10, **how
) -> Iterator[Step]:
    """The first `steps` steps of `training_steps`, whatever the epochs they take; `classes` as in `learn`."""
    order = None if classes == 10 else few_classes(classes, batch_size)
    epochs = -(-steps // (len(data.x_train) // batch_size))
    how = {"batch_size": batch_size, "epochs": epochs, "order": order, **how}
    return islice(training_steps(model, data, **how), steps)


def learn(
    seed: int,
    *,
    steps: int = 200,
    learning_rate: float = 0.1,
    batch_size: int = 60,
    classes: int = 10,
    samples: int | None = None,
    wrong: float = 0.0,
    pixel_noise: float = 0.0,
    test_every: int | None = None,
    **network,
) -> dict[str, float]:
    """Train a network, and say what it has learned.

    Args:
        seed: of the weights, the shuffling, dropout, noise, and the data.
        steps, learning_rate, batch_size: as in `training_steps`, but counted in steps.
        classes: how many of the ten digits a batch may hold.
        samples, wrong, pixel_noise: as in `make_data`.
        test_every: test also after each so many steps, for "best_accuracy".
        network: as in `make_network`.

    Returns:
        "accuracy" on the test set and "train_accuracy" on the training set with the labels it has, in percent
        and in evaluation mode; "gap", the second minus the first; "best_accuracy", the best test accuracy at
        any test, the last one included: what whoever stops at the right moment gets.

    Example:
        >>> sorted(learn(0, steps=5, batch_norm=False))
        ['accuracy', 'best_accuracy', 'gap', 'train_accuracy']
    """
    data = make_data(seed, samples=samples, wrong=wrong, pixel_noise=pixel_noise)
    model, best = make_network(seed, **network), 0.0
    how = {"learning_rate": learning_rate, "batch_size": batch_size, "classes": classes, "seed": seed}
    for step in first_steps(model, data, steps, **how):
        if test_every and step.number % test_every == 0:
            best = max(best, 100 * accuracy(model, data.x_test, data.y_test))
    result = scores(model, data)
    return {**result, "best_accuracy": max(best, result["accuracy"])}


def learn_until(
    seed: int,
    *,
    level: float,
    most: int = 2000,
    every: int = 5,
    learning_rate: float = 0.1,
    samples: int | None = None,
    wrong: float = 0.0,
    pixel_noise: float = 0.0,
    **network,
) -> dict[str, float]:
    """Train a network until it has learned a share of its training set, and test it then.

    Two networks that are compared at the same training accuracy are equally far; after the same number of
    steps they are not.

    Args:
        seed, learning_rate, samples, wrong, pixel_noise, network: as in `learn`.
        level: of the training accuracy, in percent.
        most: stop after so many steps in any case.
        every: look at each `every`-th step.

    Returns:
        "steps" that were needed, or `most`; "accuracy" on the test set at that moment, in percent.

    Example:
        >>> sorted(learn_until(0, level=50))
        ['accuracy', 'steps']
    """
    data = make_data(seed, samples=samples, wrong=wrong, pixel_noise=pixel_noise)
    model = make_network(seed, **network)
    for step in first_steps(model, data, most, learning_rate=learning_rate, seed=seed):
        if step.number % every == 0 and 100 * accuracy(model, data.x_train, data.y_train) >= level:
            break
    return {"steps": step.number, "accuracy": 100 * accuracy(model, data.x_test, data.y_test)}


def scores(model: nn.Module, data: Digits) -> dict[str, float]:
    """Accuracy on the test and on the training set, in percent, and by how much the second is higher."""
    test = 100 * accuracy(model, data.x_test, data.y_test)
    train = 100 * accuracy(model, data.x_train, data.y_train)
    return {"accuracy": test, "train_accuracy": train, "gap": train - test}


@lru_cache(maxsize=1)
def _digits() -> Digits:
    return digits()
