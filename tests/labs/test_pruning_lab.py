"""The lab of pruning: its words and numbers are those of channels made silent in PyTorch."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

from bnteach import labs  # noqa: E402
from bnteach.data import digits  # noqa: E402
from bnteach.labs.pruning import MEASURES, THRESHOLDS, TRAININGS  # noqa: E402
from bnteach.trials.slimming.thresholds import trained_network  # noqa: E402


def silenced(training, measure, threshold):
    """A copy of the lab's network with γ = β = 0 for the channels that go, and how many stay."""
    model, stays = copy.deepcopy(trained_network(TRAININGS[training])).eval(), []
    layers = [model.bn_1, model.bn_2, model.bn_3]
    largest = [bn.weight.detach().abs().max().item() for bn in layers]
    for bn, of_layer in zip(layers, largest, strict=True):
        limit = threshold * (of_layer if measure == "within each layer" else max(largest))
        gone = bn.weight.detach().abs() < min(limit, of_layer)
        bn.weight.data[gone] = 0
        bn.bias.data[gone] = 0
        stays.append(int((~gone).sum()))
    return model, stays


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("threshold", [0.02, 0.5])
def test_the_reading_is_that_of_silenced_channels(training, measure, threshold):
    data = digits().images()
    model, stays = silenced(training, measure, threshold)
    with torch.no_grad():
        right = (model(torch.from_numpy(data.x_test)).argmax(dim=1).numpy() == data.y_test).mean()
    lab = labs.Pruning(training=training, measure=measure, threshold=threshold)
    assert f"{sum(stays)} of 112 channels stay" in lab.reading
    assert (
        ", ".join(f"{some} of {every}" for some, every in zip(stays, (16, 32, 64), strict=True))
        in lab.reading
    )
    assert f"with the constants thrown away {100 * right:.1f} %" in lab.reading
    first, second, third = stays
    parameters = 9 * first + 2 * first + 9 * first * second + 2 * second + 9 * second * third + 2 * third
    parameters += 10 * third + 10
    assert f"{parameters:,} of 24,058 parameters".replace(",", "\u202f") in lab.reading


def test_the_whole_network_is_where_the_threshold_is_zero():
    for training in TRAININGS:
        lab = labs.Pruning(training=training, threshold=0.0)
        assert "112 of 112 channels stay" in lab.reading
        assert lab.frame.cuts.accuracy[0] > 95
        counts = lab.reading.replace("\u202f", " ")  # the space inside a number
        assert "24 058 of 24 058 parameters, 159 104 of 159 104 multiply-adds" in counts


def test_more_goes_when_the_threshold_rises_and_a_layer_is_never_empty():
    assert list(THRESHOLDS) == sorted(set(THRESHOLDS))
    for training in TRAININGS:
        for measure in MEASURES:
            there = labs.Pruning(training=training, measure=measure).frame.cuts
            for counts in (there.stays, there.parameters[:, None], there.multiply_adds[:, None]):
                assert (np.diff(counts, axis=0) <= 0).all()
            assert there.stays[-1].min() == 1
            assert max(size.max() for size in there.sizes) == pytest.approx(1)


def test_l1_makes_a_gap_between_the_channels():
    def gone(training):
        return (
            112 - labs.Pruning(training=training, threshold=0.1).frame.cuts.stays[THRESHOLDS.index(0.1)].sum()
        )

    assert gone("with L1") > 30
    assert gone("without L1") == 0
