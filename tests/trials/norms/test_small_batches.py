"""The longer trials of the norms, and what is stored of them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bnteach.trials.norms import BATCH_SIZES, DISCRIMINATORS, KINDS, small_batches
from bnteach.trials.norms.small_batches import accuracies_after, small_network

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
BATCH_NORMS = nn.BatchNorm1d, nn.BatchNorm2d


@pytest.mark.parametrize(("kind", "norms"), list(zip(KINDS, (2, 2, 3), strict=True)))
def test_the_two_networks_differ_in_their_norms_alone(kind, norms):
    with_bn, other = (small_network(kind, choice, seed=4) for choice in (True, False))
    assert sum(isinstance(layer, BATCH_NORMS) for layer in with_bn) == norms
    assert sum(isinstance(layer, (nn.LayerNorm, nn.GroupNorm)) for layer in other) == norms
    assert not any(isinstance(layer, BATCH_NORMS) for layer in other)
    for one, another in zip(with_bn, other, strict=True):
        if isinstance(one, (nn.Linear, nn.Conv2d)):
            assert torch.equal(one.weight, another.weight)


def test_the_same_seed_gives_the_same_accuracy_and_steps_count():
    one, again, more = (accuracies_after("table", True, 16, 0, steps=n) for n in (20, 20, 80))
    assert one == again
    assert min(more) > max(one)


def test_the_digits_held_out_are_not_trained_on():
    data, (pictures, labels) = small_batches._data("table")
    assert len(data.x_train) == 1000
    assert len(pictures) == len(labels) == 347
    trained_on = {row.tobytes() for row in data.x_train}
    assert not any(row.tobytes() in trained_on for row in pictures)


def test_the_sweep_chooses_the_rate_on_the_digits_held_out(monkeypatch):
    def pretended(kind, with_bn, size, seed, steps, learning_rate):
        best = 0.1 if with_bn else 0.03
        return -abs(learning_rate - best), seed / 100 + learning_rate

    monkeypatch.setattr(small_batches, "accuracies_after", pretended)
    best = small_batches.sweep_of_batches(seeds=range(3))
    assert len(best) == len(KINDS) * 2 * len(BATCH_SIZES)
    assert best["table, BN True, 2"] == [0.1, 0.11, 0.12]
    assert best["table, BN False, 2"] == [0.03, 0.04, 0.05]


def test_what_lies_beside_the_lessons_is_whole():
    batches = json.loads((NOTEBOOKS / "results/08_batch_size.json").read_text(encoding="utf-8"))
    keys = {f"{kind}, BN {bn}, {size}" for kind in KINDS for bn in (True, False) for size in BATCH_SIZES}
    assert set(batches["results"]) == keys
    assert all(
        len(values) == 5 and 0 <= min(values) <= max(values) <= 1 for values in batches["results"].values()
    )
    deeper = NOTEBOOKS / "deeper" / "results"
    gans = json.loads((deeper / "08_gan.json").read_text(encoding="utf-8"))["results"]
    assert {np.shape(gans[pair]) for pair in DISCRIMINATORS} == {(5, 3)}
    assert {np.shape(gans[f"{pair}, pictures"]) for pair in DISCRIMINATORS} == {(8, 64)}
    for name, shape in (("08_padding", (20, 3)), ("08_recurrent", (20, 2))):
        kept = json.loads((deeper / f"{name}.json").read_text(encoding="utf-8"))["results"]
        assert {np.shape(values) for values in kept.values()} == {shape}
