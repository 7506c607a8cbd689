"""Network slimming on trial: with L1 on γ and without, cut by |γ| and at random, and from scratch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial

import numpy as np
import torch
from torch import nn

from bnteach.data import Digits, digits
from bnteach.training.evaluation import accuracy
from bnteach.training.loop import training_steps
from bnteach.training.networks import mlp, small_cnn
from bnteach.training.results import summarize
from bnteach.training.seeds import run_seeds
from bnteach.trials.slimming.cutting import cut
from bnteach.trials.slimming.gamma import (
    ChannelMasks,
    batch_norms,
    channels_above,
    l1_on_gamma,
    random_channels,
    strongest,
    threshold_for,
)
from bnteach.trials.slimming.rescaling import rescaled

__all__ = [
    "CUT_SHARES",
    "L1_STRENGTH",
    "NETWORKS",
    "TRAINING_EPOCHS",
    "data_for",
    "new_network",
    "score",
    "slimming_trial",
    "slimming_trials",
    "train_network",
]

NETWORKS = {"convolutions": (16, 32, 64), "fully connected": (100, 100)}
"""The channels of each hidden layer."""
CUT_SHARES = (0.5, 0.75, 0.9)
"""Of all channels: how many are cut."""
L1_STRENGTH = 0.03
TRAINING_EPOCHS, FINE_TUNING_EPOCHS = 30, 5
MOMENTUM = partial(torch.optim.SGD, momentum=0.9)


def new_network(network: str, seed: int, widths: Mapping[str, int] | None = None) -> nn.Sequential:
    """A network for the digits, with BN in each hidden layer. γ begins at 0.5, as in the paper.

    Args:
        network: a name from `NETWORKS`.
        seed: of the weights.
        widths: channels of each hidden layer, by the names of their BN; None for those of `NETWORKS`.

    Example:
        >>> new_network("fully connected", 0, {"bn_1": 7, "bn_2": 5}).linear_2
        Linear(in_features=7, out_features=5, bias=False)
    """
    channels = list(NETWORKS[network] if widths is None else widths.values())
    if network == "convolutions":
        model = small_cnn(channels=channels, seed=seed)
    else:
        model = mlp([64, *channels, 10], nn.ReLU, init_scale=2**0.5, seed=seed)
    for bn in batch_norms(model).values():
        nn.init.constant_(bn.weight, 0.5)
    return model


def train_network(
    model: nn.Sequential,
    network: str,
    *,
    epochs: int = TRAINING_EPOCHS,
    strength: float = 0.0,
    learning_rate: float = 0.05,
    seed: int = 0,
) -> nn.Sequential:
    """Train the network, with L1 of this strength on γ, and return it.

    Gradient descent with momentum 0.9. The learning rate falls in a straight line to 0, so that at the end
    γ does not hop around 0 any more.
    """
    total = epochs * (len(data_for(network).x_train) // 60)
    falling = {"learning_rate": lambda number: learning_rate * (1 - (number - 1) / total)}
    with l1_on_gamma(model, strength):
        for _ in training_steps(
            model, data_for(network), epochs=epochs, seed=seed, optimizer=MOMENTUM, **falling
        ):
            pass
    return model


def score(model: nn.Module, network: str) -> float:
    """Test accuracy in percent."""
    data = data_for(network)
    return 100 * accuracy(model, data.x_test, data.y_test)


def slimming_trial(seed: int, network: str, in_layer: bool = True) -> dict[str, float | np.ndarray]:
    """Train with L1 and without, cut, fine-tune; and train networks of the final size from scratch.

    How many channels each layer keeps is decided by the network with L1. All others are cut to the same
    widths.

    Args:
        seed: of everything.
        network: a name from `NETWORKS`.
        in_layer: compare γ within its layer, or one threshold on |γ| for all layers; as in `gamma_sizes`.

    Returns:
        Accuracies in percent. Of the whole networks: "L1", "no L1". Arrays with one number for each of
        `CUT_SHARES`: "…, cut" right after the cut; "…, β too" the same with the constants h(β) thrown away;
        "…, tuned" after fine-tuning; where "…" is "L1" or "no L1", with "random, " before it for random
        channels. "L1, rescaled and tuned": see `rescaled`. "from scratch": small networks that learned as
        many epochs in all.
    """
    with_l1 = train_network(new_network(network, seed), network, strength=L1_STRENGTH, seed=seed)
    plain = train_network(new_network(network, seed), network, seed=seed)
    results = {"L1": score(with_l1, network), "no L1": score(plain, network)}
    columns: dict[str, list[float]] = {}
    for share in CUT_SHARES:
        keep = channels_above(with_l1, threshold_for(with_l1, share, in_layer=in_layer), in_layer=in_layer)
        widths = {name: int(mask.sum()) for name, mask in keep.items()}
        cuts = {
            "L1": (with_l1, keep),
            "no L1": (plain, strongest(plain, widths)),
            "random, L1": (with_l1, random_channels(keep, seed)),
            "random, no L1": (plain, random_channels(keep, seed)),
        }
        for name, (model, chosen) in cuts.items():
            for what, value in _cut_and_tune(model, chosen, network, seed).items():
                columns.setdefault(f"{name}, {what}", []).append(value)
        larger = _tune(rescaled(cut(with_l1, keep)), network, seed)
        columns.setdefault("L1, rescaled and tuned", []).append(score(larger, network))
        small = train_network(
            new_network(network, seed, widths),
            network,
            epochs=TRAINING_EPOCHS + FINE_TUNING_EPOCHS,
            seed=seed,
        )
        columns.setdefault("from scratch", []).append(score(small, network))
    return {**results, **{name: np.array(values) for name, values in columns.items()}}


def _cut_and_tune(model: nn.Sequential, keep: ChannelMasks, network: str, seed: int) -> dict[str, float]:
    small = cut(model, keep)
    without = cut(model, keep, constants=False)
    found = {"cut": score(small, network), "β too": score(without, network)}
    return {**found, "tuned": score(_tune(small, network, seed), network)}


def _tune(model: nn.Sequential, network: str, seed: int) -> nn.Sequential:
    """Fine-tune: on other batches than in the training, and without L1."""
    return train_network(model, network, epochs=FINE_TUNING_EPOCHS, seed=100 + seed)


@lru_cache(maxsize=2)
def data_for(network: str) -> Digits:
    """The digits, as the network wants them."""
    return digits().images() if network == "convolutions" else digits()


def slimming_trials(
    seeds: Iterable[int] = range(20),
    networks: Sequence[str] = tuple(NETWORKS),
    in_layer: bool = True,
    n_jobs: int | None = 2,
) -> dict[str, dict[str, list]]:
    """`slimming_trial` for all seeds: for each network and result, a list with an entry a seed."""
    settings = {"network": list(networks), "in_layer": in_layer}
    runs = run_seeds(slimming_trial, seeds, n_jobs, description="trials", **settings)
    names = runs.columns[3:]  # after the settings and the seed
    return {
        network: {name: summarize(runs, name, network=network).values.round(3).tolist() for name in names}
        for network in networks
    }
