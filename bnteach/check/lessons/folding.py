"""Lesson 11's third exercise: a learner's `fold_network` is tried on small networks of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..answers import OddAnswer, described
from ..recipe import Recipe


def choices():
    """What a learner decides."""
    bn = "folded"
    may_stand_before = ("Conv2d",)
    first_bn = "stays"
    mean = "subtracted"
    bias = "shifted and scaled"
    beta = "added"
    copies = True
    return bn, may_stand_before, first_bn, mean, bias, beta, copies


NOT_FOLDED = """
    > 09_slim_and_fold: Fold

    mean_not_in_the_bias: the running mean is forgotten
        mean = "forgotten"
        | BN subtracts it. In the folded convolution it is a part of the new bias.

    old_bias_dropped: the bias that a convolution has already is forgotten
        bias = "dropped"
        | BN sees the output of the convolution with its bias: the new bias is β + scale · (bias − mean).

    old_bias_not_scaled: the bias that a convolution has already is added as it is
        bias = "as it was"
        | BN scales it like all that the convolution gives.

    beta_forgotten: β is forgotten
        beta = "forgotten"
        | It is added last, so it is a part of the new bias.

    > deeper/what_does_bn_cost_a_detector: Run

    folded_across_the_activation: a BN behind an activation is folded into the convolution before it
        may_stand_before = ("Conv2d", "LeakyReLU")
        | The activation lies between the two, and is not linear. Such a BN must stay.

    first_bn_dropped: a BN with no convolution before it is left out
        first_bn = "dropped"
        | Nothing has taken its work over. What cannot be folded stays.

    all_bn_left_out: the BN layers are left out, and the convolutions stay as they are
        bn = "left out"
        | What BN does must go into the weights and the bias of the convolution before it.

    nothing_folded: no BN is folded
        may_stand_before = ()
        | A BN directly behind a convolution goes, and the convolution gets new weights and a bias.

    given_network_changed: the network that was given is changed
        copies = False
        | Somebody may want to train it further. Make new convolutions.
"""


LAYERS = "BN, conv, BN, LeakyReLU, conv, BN, max-pool, conv, LeakyReLU, BN"  # of `network_from`, to be read


def seeds(rng: np.random.Generator) -> list[dict[str, Any]]:
    return [{"layers": LAYERS, "seed": int(rng.integers(1000))} for _ in range(3)]


def network_from(seed: int) -> Any:
    """A BN in front, two behind convolutions (with a bias and without), one behind an activation."""
    import torch
    from torch import nn

    conv = nn.Conv2d
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        front = [nn.BatchNorm2d(2), conv(2, 3, 3), nn.BatchNorm2d(3, eps=0.1), nn.LeakyReLU(0.1)]
        back = [conv(3, 4, 1, bias=False), nn.BatchNorm2d(4), nn.MaxPool2d(2)]
        end = [conv(4, 3, 1), nn.LeakyReLU(0.1), nn.BatchNorm2d(3)]
        network = nn.Sequential(*front, *back, *end).double().eval()
        for parameter in network.parameters():
            parameter.data.uniform_(-1.5, 1.5)  # of both signs: LeakyReLU must not be the identity
        for name, buffer in network.named_buffers():
            if buffer.ndim:
                buffer.uniform_(*(-1, 1) if name.endswith("mean") else (0.5, 2))
    return network


def try_out(answer: Any, inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """What the folded network answers, which layers it has, and whether the given one is as it was."""
    import torch
    from torch import nn

    network, as_it_was = network_from(inputs["seed"]), network_from(inputs["seed"])
    folded = answer(network)
    if not isinstance(folded, nn.Module):
        raise OddAnswer(f"Your function returns {described(folded)}, expected a network.")
    pictures = torch.from_numpy(np.random.default_rng(inputs["seed"]).normal(size=(2, 2, 6, 6)))
    kinds = [type(layer).__name__ for layer in folded.modules()]
    yield "number of BN layers", kinds.count("BatchNorm2d")
    yield "number of convolutions", kinds.count("Conv2d")
    yield "answer", folded(pictures)
    same = str(network) == str(as_it_was) and torch.allclose(network(pictures), as_it_was(pictures))
    yield "the given network is as it was", int(same)


def by_choices(recipe: Recipe) -> Callable[..., Any]:
    """A `fold_network` that decides as the recipe does."""
    choice = recipe.values({}, recipe.returns)

    def fold_network(network: Any) -> Any:
        layers: list[Any] = []
        for layer in network:
            place = conv_before(layers, choice["may_stand_before"])
            if type(layer).__name__ != "BatchNorm2d":
                layers.append(layer)
            elif choice["bn"] == "left out":
                continue
            elif place is not None:
                layers[place] = folded_pair(layers[place], layer, choice)
            elif layers or choice["first_bn"] == "stays":
                layers.append(layer)
        return type(network)(*layers).eval()

    return fold_network


def conv_before(layers: list[Any], may_stand_before: tuple[str, ...]) -> int | None:
    """The place of the convolution that a BN would be folded into; None where there is none."""
    for place in reversed(range(len(layers))):
        kind = type(layers[place]).__name__
        if kind not in may_stand_before:
            return None
        if kind == "Conv2d":
            return place
    return None


def folded_pair(conv: Any, bn: Any, choice: Mapping[str, Any]) -> Any:
    import copy

    import torch

    scale = (bn.weight / (bn.running_var + bn.eps).sqrt()).detach()
    old = torch.zeros_like(scale) if conv.bias is None else conv.bias.detach()
    old = {"dropped": 0 * old, "as it was": old / scale}.get(choice["bias"], old)
    mean = bn.running_mean if choice["mean"] == "subtracted" else 0
    beta = bn.bias.detach() if choice["beta"] == "added" else 0
    new = copy.deepcopy(conv) if choice["copies"] else conv
    new.weight.data = conv.weight.data * scale[:, None, None, None]
    new.bias = torch.nn.Parameter(scale * (old - mean) + beta)
    return new
