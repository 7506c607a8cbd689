"""YOLOv1 is the network of the paper, and with batch normalization nothing else changes."""

import pytest
import torch
from torch import nn

from bnteach.trials.detector.yolo_v1 import parameters, yolo_v1


@pytest.fixture(scope="module", params=[False, True], ids=["v1", "with BN"])
def network(request):
    return yolo_v1(request.param, device="meta")


@pytest.fixture(scope="module")
def picture():
    return torch.empty(1, 3, 448, 448, device="meta")


def kinds(network, kind):
    return [layer for layer in network if isinstance(layer, kind)]


def test_24_convolutions_and_two_dense_layers(network):
    assert len(kinds(network, nn.Conv2d)) == 24
    assert [(layer.in_features, layer.out_features) for layer in kinds(network, nn.Linear)] == [
        (7 * 7 * 1024, 4096),
        (4096, 7 * 7 * 30),
    ]
    assert {layer.negative_slope for layer in kinds(network, nn.LeakyReLU)} == {0.1}
    assert len(kinds(network, nn.LeakyReLU)) == 25
    assert not isinstance(network[-2], nn.LeakyReLU)  # the last layer is linear


def test_shapes_are_those_of_figure_3(network, picture):
    sizes, x = {}, picture
    for name, layer in network.named_children():
        x = layer(x)
        sizes[name] = tuple(x.shape[1:])
    expected = {
        "conv_1": (64, 224, 224),
        "pool_1": (64, 112, 112),
        "conv_2": (192, 112, 112),
        "pool_2": (192, 56, 56),
        "conv_6": (512, 56, 56),
        "pool_3": (512, 28, 28),
        "conv_16": (1024, 28, 28),
        "pool_4": (1024, 14, 14),
        "conv_21": (1024, 14, 14),
        "conv_22": (1024, 7, 7),
        "conv_24": (1024, 7, 7),
        "dense_1": (4096,),
        "dense_2": (1470,),
    }
    assert {name: sizes[name] for name in expected} == expected
    assert x.shape == (1, 7, 7, 30)


def test_batch_normalization_takes_biases_and_dropout_away():
    plain, normalized = (yolo_v1(choice, device="meta") for choice in (False, True))
    assert all(conv.bias is not None for conv in kinds(plain, nn.Conv2d))
    assert not kinds(plain, nn.BatchNorm2d)
    assert [layer.p for layer in kinds(plain, nn.Dropout)] == [0.5]
    assert all(conv.bias is None for conv in kinds(normalized, nn.Conv2d))
    assert not kinds(normalized, nn.Dropout)
    layers = list(normalized)
    for place, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            assert isinstance(layers[place + 1], nn.BatchNorm2d)
            assert isinstance(layers[place + 2], nn.LeakyReLU)
    filters = sum(conv.out_channels for conv in kinds(plain, nn.Conv2d))
    assert parameters(normalized) - parameters(plain) == filters
