"""Lesson 11's third exercise: a learner's `fold_network` is tried on small networks of PyTorch."""

from typing import Any

import numpy as np

from ..answers import OddAnswer, described
from ..running import Probe
from .first_fault import Facts

NOT_FOLDED = """
    > 09_slim_and_fold: Fold

    bias_not_folded: the bias of the folded convolution is not right
        | BN scales the bias that a convolution has already, too: the new one is β + scale · (bias − mean).

    > deeper/what_does_bn_cost_a_detector: Run

    folded_across_the_activation: a BN behind an activation is folded into the convolution before it
        | The activation lies between the two, and is not linear. Such a BN must stay.

    first_bn_dropped: a BN with no convolution before it is left out
        | Nothing has taken its work over. What cannot be folded stays.

    all_bn_left_out: the BN layers are left out, and the convolutions stay as they are
        | What BN does must go into the weights and the bias of the convolution before it.

    nothing_folded: no BN is folded
        | A BN directly behind a convolution goes, and the convolution gets new weights and a bias.

    given_network_changed: the network that was given is changed
        | Somebody may want to train it further. Make new convolutions.
"""

LAYERS = "BN, conv, BN, LeakyReLU, conv, BN, max-pool, conv, LeakyReLU, BN"  # of `network_from`
OTHER_ANSWERS = f"The folded network does not give the same answers as the given one: {LAYERS}."


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


def facts(answer: Any, inputs: Probe) -> Facts:
    """Which layers the folded network has, its first bias, its answers; and is the given one as it was?"""
    import torch
    from torch import nn

    network, as_it_was = network_from(inputs["seed"]), network_from(inputs["seed"])
    folded = answer(network)
    if not isinstance(folded, nn.Module):
        raise OddAnswer(f"Your function returns {described(folded)}, expected a network.")
    pictures = torch.from_numpy(np.random.default_rng(inputs["seed"]).normal(size=(2, 2, 6, 6)))
    layers = [layer for layer in folded.modules() if not list(layer.children())]
    kinds = [type(layer).__name__ for layer in layers]
    conv = layers[kinds.index("Conv2d")] if "Conv2d" in kinds else as_it_was[1]
    expected = as_it_was(pictures)
    same = str(network) == str(as_it_was) and torch.allclose(network(pictures), expected)
    yield "given_network_changed", same
    yield "nothing_folded", kinds.count("BatchNorm2d") < 4
    yield "all_bn_left_out", "BatchNorm2d" in kinds or not torch.equal(conv.weight, as_it_was[1].weight)
    yield "first_bn_dropped", kinds[:1] == ["BatchNorm2d"]
    yield "folded_across_the_activation", kinds[-1:] == ["BatchNorm2d"]
    scale = as_it_was[2].weight / (as_it_was[2].running_var + as_it_was[2].eps).sqrt()
    bias = as_it_was[2].bias + scale * (as_it_was[1].bias - as_it_was[2].running_mean)
    yield "bias_not_folded", conv.bias is not None and torch.allclose(conv.bias, bias)
    yield OTHER_ANSWERS, torch.allclose(folded(pictures), expected)
