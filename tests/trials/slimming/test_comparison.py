"""Slimming on trial: all arms are cut to the same size, and what is stored of it is whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bnteach.trials.slimming import comparison
from bnteach.trials.slimming.comparison import (
    CUT_SHARES,
    NETWORKS,
    new_network,
    score,
    slimming_trial,
    slimming_trials,
    train_network,
)
from bnteach.trials.slimming.cutting import cut
from bnteach.trials.slimming.gamma import batch_norms, channels_above
from bnteach.trials.slimming.thresholds import cut_at_thresholds

RESULTS = Path(__file__).resolve().parents[3] / "notebooks" / "deeper" / "results"
ARMS = "L1", "no L1", "random, L1", "random, no L1"
NAMES = [f"{arm}, {what}" for arm in ARMS for what in ("cut", "β too", "tuned")]
NAMES += ["L1, rescaled and tuned", "from scratch"]


@pytest.fixture
def short(monkeypatch):
    """Trainings of three epochs, and one of fine-tuning."""
    monkeypatch.setattr(comparison, "TRAINING_EPOCHS", 3)
    monkeypatch.setattr(comparison, "FINE_TUNING_EPOCHS", 1)
    monkeypatch.setitem(train_network.__kwdefaults__, "epochs", 3)


@pytest.mark.parametrize("network", NETWORKS)
def test_gamma_begins_at_one_half_and_widths_are_obeyed(network):
    widths = {name: 3 + place for place, name in enumerate(batch_norms(new_network(network, 0)))}
    for given, expected in ((None, list(NETWORKS[network])), (widths, list(widths.values()))):
        norms = batch_norms(new_network(network, 0, given)).values()
        assert [bn.num_features for bn in norms] == expected
        assert all((bn.weight == 0.5).all() for bn in norms)


def test_the_learning_rate_falls_to_zero(monkeypatch, short):
    seen = []

    def steps(model, data, learning_rate, epochs, **how):
        seen.extend(learning_rate(number) for number in (1, 34, epochs * 22))
        return iter(())

    monkeypatch.setattr(comparison, "training_steps", steps)
    train_network(new_network("convolutions", 0), "convolutions")
    assert seen == pytest.approx([0.05, 0.025, 0.05 / 66])


def test_the_penalty_is_on_in_the_training_and_off_in_fine_tuning(short):
    def mean_size(**how):
        model = train_network(new_network("fully connected", 0), "fully connected", **how)
        return np.mean([bn.weight.abs().mean().item() for bn in batch_norms(model).values()])

    assert mean_size(strength=0.03) < 0.7 * mean_size()


def test_all_arms_of_a_trial_have_the_same_widths(monkeypatch, short):
    seen = []

    def recorded(model, keep, *args, **kwargs):
        seen.append([int(mask.sum()) for mask in keep.values()])
        return cut(model, keep, *args, **kwargs)

    def built(network, seed, widths=None):
        if widths is not None:
            seen.append(list(widths.values()))
        return new_network(network, seed, widths)

    monkeypatch.setattr(comparison, "cut", recorded)
    monkeypatch.setattr(comparison, "new_network", built)
    results = slimming_trial(3, "fully connected")
    assert set(results) == {"L1", "no L1", *NAMES}
    assert {np.shape(results[name]) for name in NAMES} == {(len(CUT_SHARES),)}
    of_each_share = np.split(np.array(seen), len(CUT_SHARES))
    assert all((widths == widths[0]).all() for widths in of_each_share)
    for share, widths in zip(CUT_SHARES, of_each_share, strict=True):
        assert widths[0].sum() == pytest.approx(200 * (1 - share), abs=1)


def test_a_sweep_is_its_trials(monkeypatch, short):
    monkeypatch.setattr(comparison, "CUT_SHARES", (0.5,))
    swept = slimming_trials([0, 1], ["fully connected"], n_jobs=1)["fully connected"]
    alone = slimming_trial(1, "fully connected")
    assert set(swept) == set(alone)
    for name, value in alone.items():
        assert swept[name][1] == pytest.approx(value, abs=1e-3), name


@pytest.mark.parametrize("in_layer", [True, False])
def test_cuts_at_thresholds_are_those_of_cuts_one_by_one(in_layer):
    model = new_network("convolutions", 1)
    random = torch.Generator().manual_seed(0)
    for bn in batch_norms(model).values():
        bn.weight.data = torch.rand(len(bn.weight), generator=random) * len(bn.weight)
        bn.bias.data = torch.rand(len(bn.weight), generator=random)
    thresholds = (0.0, 0.1, 0.11, 0.5, 1.0)
    there = cut_at_thresholds(model, thresholds, in_layer=in_layer)
    scale = 1.0 if in_layer else max(bn.weight.abs().max().item() for bn in batch_norms(model).values())
    for place, threshold in enumerate(thresholds):
        keep = channels_above(model, threshold * scale, in_layer=in_layer)
        assert there.stays[place].tolist() == [int(mask.sum()) for mask in keep.values()]
        assert there.accuracy[place] == score(cut(model, keep), "convolutions")
        bare = cut(model, keep, constants=False)
        assert there.without_constants[place] == score(bare, "convolutions")
        assert there.parameters[place] == sum(p.numel() for p in bare.parameters())
    assert there.stays[0].tolist() == [16, 32, 64]


def test_what_lies_beside_the_lesson_is_whole():
    kept = json.loads((RESULTS / "09_slimming.json").read_text(encoding="utf-8"))
    assert {"command", "date", "versions", "results"} == set(kept)
    assert list(kept["results"]) == list(NETWORKS)
    for columns in kept["results"].values():
        assert set(columns) == {"L1", "no L1", *NAMES}
        for name, values in columns.items():
            assert np.shape(values) == ((20, len(CUT_SHARES)) if name in NAMES else (20,)), name
            assert 0 <= np.min(values) <= np.max(values) <= 100


def test_the_twenty_seeds_of_the_lesson_are_whole():
    kept = json.loads((RESULTS.parents[1] / "results" / "09_cut_at_0.json").read_text(encoding="utf-8"))
    names = {"seed", "L1", "no L1", "L1, cut", "no L1, cut", "random, cut", "scratch"}
    names |= {"L1, tuned", "no L1, tuned"}
    assert set(kept["results"]) == names
    assert {len(values) for values in kept["results"].values()} == {20}
    assert kept["results"]["seed"] == list(range(20))
