"""Lesson 11: what is folded, and what is left out, is seen in the layers, the first bias and the answers."""

import copy

import pytest
import torch
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bnteach import check
from bnteach.check.lessons.folding import LAYERS, network_from

KIND = {"Conv2d": torch.nn.Conv2d, "BatchNorm2d": torch.nn.BatchNorm2d}


def folder(fuse=fuse_conv_bn_eval, is_folded=lambda layers: isinstance(layers[-1], KIND["Conv2d"])):
    """A `fold_network` with a fold of its own, and a rule of its own for where BN is folded."""

    def fold_network(network):
        layers = []
        for layer in network:
            if isinstance(layer, KIND["BatchNorm2d"]) and layers and is_folded(layers):
                place = max(i for i, before in enumerate(layers) if isinstance(before, KIND["Conv2d"]))
                layers[place] = fuse(layers[place], layer)
            else:
                layers.append(layer)
        return torch.nn.Sequential(*layers).eval()

    return fold_network


def by_hand(bias_of, copies=True):
    def fuse(conv, bn):
        scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
        folded = copy.deepcopy(conv) if copies else conv
        old = torch.zeros_like(scale) if conv.bias is None else conv.bias
        folded.weight = torch.nn.Parameter(conv.weight * scale[:, None, None, None])
        folded.bias = torch.nn.Parameter(bias_of(scale, old, bn.running_mean, bn.bias))
        return folded

    return fuse


def without(kept):
    return lambda network: torch.nn.Sequential(*(one for i, one in enumerate(network) if kept(i, one)))


def test_right_ones_pass():
    assert check.fold_network(folder()).state == "passed"
    assert check.fold_network(folder(by_hand(lambda a, old, mean, b: a * (old - mean) + b))).state == "passed"


@pytest.mark.parametrize(
    ("mistake", "answer"),
    [
        ("bias_not_folded", folder(by_hand(lambda a, old, mean, b: a * old + b))),
        ("bias_not_folded", folder(by_hand(lambda a, old, mean, b: b - a * mean))),
        ("bias_not_folded", folder(by_hand(lambda a, old, mean, b: old - a * mean + b))),
        ("bias_not_folded", folder(by_hand(lambda a, old, mean, b: a * (old - mean)))),
        (
            "given_network_changed",
            folder(by_hand(lambda a, old, mean, b: a * (old - mean) + b, copies=False)),
        ),
        ("folded_across_the_activation", folder(is_folded=lambda layers: True)),
        ("first_bn_dropped", lambda network: folder()(network[1:])),
        ("all_bn_left_out", without(lambda i, layer: not isinstance(layer, KIND["BatchNorm2d"]))),
        ("nothing_folded", lambda network: network),
    ],
)
def test_each_mistake_is_named(mistake, answer):
    assert check.fold_network(answer).mistakes == (mistake,)


def test_the_layers_are_named_as_they_stand_in_the_network():
    short = {"BatchNorm2d": "BN", "Conv2d": "conv", "MaxPool2d": "max-pool"}
    kinds = [type(layer).__name__ for layer in network_from(seed=0)]
    assert ", ".join(short.get(kind, kind) for kind in kinds) == LAYERS


def test_sorting_alone_is_named():
    verdict = check.keep_best(lambda boxes, scores, limit: (-scores).argsort())
    assert verdict.mistakes == ("nothing_dropped",)


def test_other_answers_are_told():
    def with_old_weights(conv, bn):
        folded = fuse_conv_bn_eval(conv, bn)
        folded.weight = conv.weight
        return folded

    unscaled = folder(with_old_weights)
    assert "does not give the same answers" in check.fold_network(unscaled).why
