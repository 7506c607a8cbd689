"""Lesson 05's second exercise: a learner's `recalibrate` is tried on a small network of PyTorch."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..recipe import Recipe, recipe_of
from ..running import Probe
from .one_change import Call, weights_of


def choices():
    """What a learner decides."""
    forgets = ("running_mean", "running_var", "num_batches_tracked")
    momentum = None
    layers = slice(None)
    training = True
    gives_momentum_back = True
    training_at_the_end = False
    return forgets, momentum, layers, training, gives_momentum_back, training_at_the_end


NOT_RECALIBRATED = """
    old_statistics_kept: the average goes on from the old statistics
        forgets = ()
        | The old numbers are what is wrong. Forget them first: layer.reset_running_stats().

    count_kept: num_batches_tracked is not set back to 0
        forgets = ("running_mean", "running_var")
        | With momentum None a batch weighs 1 / num_batches_tracked: zeros and ones count as old batches.

    momentum_left: the momentum is left as it was
        momentum = "as it was"
        | Then the last batches weigh most. With momentum None it is the plain average of all batches.

    momentum_not_given_back: the momentum is None afterward
        gives_momentum_back = False
        | If training goes on, the statistics follow too slowly. Keep the old momentum, and set it again.

    one_layer_recalibrated: only the first BN layer is recalibrated
        layers = slice(1)
        | Every BN layer has its own statistics. network.modules() gives all, also those inside other layers.

    > 05_train_and_infer: Is this evaluation?

    nothing_updated: the batches are shown in evaluation mode
        training = False
        | In evaluation mode the statistics do not move. Call network.train() before, network.eval() after.

    left_in_training: the network is left in training mode
        training_at_the_end = True
        | Then its next answer depends on the batch, and moves the statistics again. End with network.eval().
"""


def seeds(rng: np.random.Generator) -> list[Probe]:
    """From the seed come the weights and the batches."""
    import torch  # noqa: F401 (its first import takes long, and here no clock runs)

    return [{"seed": int(rng.integers(1000)), "number_of_batches": number} for number in (3, 5, 4)]


def bn_layers(network: Any) -> list[Any]:
    return [layer for layer in network.modules() if hasattr(layer, "num_batches_tracked")]


def broken_network(seed: int) -> Any:
    """Two BN layers, one of them inside another layer; what they store fits nothing."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inner = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))
        network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.2), nn.ReLU(), inner).double()
    for layer in bn_layers(network):
        for name, number in (("running_mean", 2), ("running_var", 5), ("num_batches_tracked", 7)):
            getattr(layer, name).fill_(number)
    return network


def try_out(answer: Any, inputs: Probe) -> Iterable[tuple[str, Any]]:
    """What is stored in the network afterward, its modes and its parameters."""
    from torch import from_numpy

    network = broken_network(inputs["seed"])
    table = np.random.default_rng(inputs["seed"]).normal(3, 2, size=(6 * inputs["number_of_batches"], 3))
    answer(network, list(from_numpy(table).split(6)))
    yield "layers with momentum None", sum(layer.momentum is None for layer in bn_layers(network))
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
        layers = bn_layers(network)[choice["layers"]]
        momenta = [layer.momentum for layer in layers]
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum if choice["momentum"] else None
            for name in choice["forgets"]:
                getattr(layer, name).fill_(int(name == "running_var"))
        network.train(choice["training"])
        for batch in batches:
            network(batch)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum if choice["gives_momentum_back"] else layer.momentum
        network.train(choice["training_at_the_end"])

    return recalibrate


def recalibrated_on(network: Any) -> Call:
    """A network whose right answers are counted: as usual is one recalibrated on the batches of 60."""
    from torch import from_numpy

    from bnteach.data import digits

    usual = copy.deepcopy(network)
    by_choices(recipe_of(choices))(usual, from_numpy(digits().x_train).split(60))
    stored, wanted = (
        np.concatenate([np.append(bn.running_var, bn.num_batches_tracked) for bn in bn_layers(one)])
        for one in (network, usual)
    )
    is_usual = np.allclose(stored, wanted, rtol=0.05)
    return Call(weights_of(network), {} if is_usual else {"batches": stored.tobytes()})
