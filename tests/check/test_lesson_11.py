"""Lesson 11: the fold is tried on outputs of both signs, so a fold through LeakyReLU changes them."""

import torch
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bnteach import check
from bnteach.check.lessons.folding import LAYERS, network_from

NAMES = {"BatchNorm2d": "BN", "Conv2d": "conv", "MaxPool2d": "max-pool"}


def folded_through_the_activation(network):
    layers = []
    for layer in network:
        if isinstance(layer, torch.nn.BatchNorm2d) and layers:
            place = max(i for i, before in enumerate(layers) if isinstance(before, torch.nn.Conv2d))
            layers[place] = fuse_conv_bn_eval(layers[place], layer)
        else:
            layers.append(layer)
    return torch.nn.Sequential(*layers).eval()


def test_a_fold_through_the_activation_gives_another_answer_and_counts_are_whole():
    said = str(check.fold_network(folded_through_the_activation))
    assert "number of BN layers and answer are off" in said
    assert "expected number of BN layers = 2\n" in said
    assert "a BN behind an activation is folded" in said
    assert f"layers = '{LAYERS}'" in said


def test_the_layers_are_named_as_they_stand_in_the_network():
    kinds = [type(layer).__name__ for layer in network_from(seed=0)]
    assert ", ".join(NAMES.get(kind, kind) for kind in kinds) == LAYERS


def test_sorting_alone_is_named():
    verdict = check.keep_best(lambda boxes, scores, limit: (-scores).argsort())
    assert verdict.mistakes == ("nothing_dropped",)
