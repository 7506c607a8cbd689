"""Lesson 05's second exercise: a learner's `recalibrate` is tried on a small network of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy  # noqa: F401 (a mistake below copies with it)
from typing import Any

import numpy as np

from ..recipe import Recipe


def itself(given: Any) -> Any:
    return given


def joined(batches: list[Any]) -> list[Any]:
    from torch import cat

    return [cat(batches)]


def choices():
    """What a learner decides."""
    where = itself
    layers = slice(None)
    forgets = ("running_mean", "running_var", "num_batches_tracked")
    momentum = None
    training = True
    shown = itself
    gives_momentum_back = True
    training_at_the_end = False
    return where, layers, forgets, momentum, training, shown, gives_momentum_back, training_at_the_end


NOT_RECALIBRATED = """
    > deeper/diagnose_the_stored_statistics: Training fine, evaluation far worse

    old_statistics_kept: the average goes on from the old statistics
        forgets = ()
        | The old numbers are what is wrong. Forget them first: layer.reset_running_stats().

    count_kept: num_batches_tracked is not set back to 0
        forgets = ("running_mean", "running_var")
        | With momentum None each batch weighs 1 / num_batches_tracked. So the zeros and ones count as old
        | batches. layer.reset_running_stats() sets all three back.

    momentum_left: the momentum is left as it was
        momentum = "as it was"
        | Then the last batches weigh most, and a part of 0 and 1 stays. With momentum None it is the plain
        | average.

    momentum_not_given_back: the momentum is None afterward
        gives_momentum_back = False
        | If the network is trained further, its statistics would follow too slowly. Keep the old momentum and
        | set it again.

    one_batch_shown: only the first batch is shown
        shown = lambda batches: batches[:1]
        | One batch is a small sample. Show all of them: the average is over the batches.

    batches_joined: all batches are joined to one
        shown = joined
        | The variance of all is not the average of the batches' variances, and the layers behind see other
        | values. And in use so large a batch may not fit into the memory.

    one_layer_recalibrated: only the first BN layer is recalibrated
        layers = slice(1)
        | Every BN layer has statistics of its own. network.modules() gives all, also those
        | inside other layers.

    copy_recalibrated: a copy is recalibrated, and the network is as it was
        where = deepcopy
        | The exercise asks for the network itself to be changed.

    > 05_train_and_infer: Is this evaluation?

    nothing_updated: the batches are shown in evaluation mode
        training = False
        | In evaluation mode the statistics do not move. Call network.train() before, network.eval() after.

    left_in_training: the network is left in training mode
        training_at_the_end = True
        | Then its next answer depends on the batch, and moves the statistics again. End with network.eval().
"""


def seeds(rng: np.random.Generator) -> list[dict[str, Any]]:
    """From the seed come the weights and the batches."""
    return [{"seed": int(rng.integers(1000)), "number_of_batches": number} for number in (3, 5, 4)]


def bn_layers(network: Any) -> list[Any]:
    return [layer for layer in network.modules() if hasattr(layer, "num_batches_tracked")]


def broken(seed: int) -> Any:
    """Two BN layers, one of them inside another layer; what they store fits nothing."""
    from torch import Generator, nn, randn

    inner = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.2), nn.ReLU(), inner).double()
    random = Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.data = randn(parameter.shape, generator=random).double()
    for layer in bn_layers(network):
        layer.running_mean.fill_(2)
        layer.running_var.fill_(5)
        layer.num_batches_tracked.fill_(7)
    return network


def try_out(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """What is stored in the network afterward, its modes and its parameters."""
    from torch import from_numpy

    network = broken(inputs["seed"])
    table = np.random.default_rng(inputs["seed"]).normal(3, 2, size=(6 * inputs["number_of_batches"], 3))
    answer(network, list(from_numpy(table).split(6)))
    for number, layer in enumerate(bn_layers(network), start=1):
        yield f"running_mean_{number}", layer.running_mean
        yield f"running_var_{number}", layer.running_var
        yield f"momentum_{number}", np.nan if layer.momentum is None else layer.momentum
    yield "training", np.array([int(module.training) for module in network.modules()])
    yield "parameters", np.concatenate([p.detach().numpy().ravel() for p in network.parameters()])


def by_choices(recipe: Recipe) -> Callable[..., None]:
    """A `recalibrate` that decides as the recipe does."""
    choice = recipe.values({}, recipe.returns)

    def recalibrate(network: Any, batches: list[Any]) -> None:
        network = choice["where"](network)
        layers = bn_layers(network)[choice["layers"]]
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.momentum = None if choice["momentum"] is None else layer.momentum
            for name in choice["forgets"]:
                getattr(layer, name).fill_(int(name == "running_var"))
        network.train(choice["training"])
        for batch in choice["shown"](batches):
            network(batch)
        if choice["gives_momentum_back"]:
            for layer, momentum in zip(layers, momenta, strict=True):
                layer.momentum = momentum
        network.train(choice["training_at_the_end"])

    return recalibrate
