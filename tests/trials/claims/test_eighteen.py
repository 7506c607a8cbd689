"""The eighteen claims: what each condition compares."""

from pathlib import Path

import numpy as np
import pytest

from bnteach.training import stored_claims
from bnteach.trials.claims import eighteen
from bnteach.trials.claims.effects import fewest_steps, highest_rate, more, working_scales
from bnteach.trials.claims.experiments import learn, learn_until


def trials():
    parts = eighteen.of_speed, eighteen.of_reasons, eighteen.of_regularization, eighteen.of_batches_and_places
    return {name: trial for part in parts for name, trial in part().items()}


def test_there_are_eighteen_and_each_says_its_margin():
    found = trials()
    assert len(found) == 18
    assert len({trial.words for trial in found.values()}) == 18
    assert all(trial.margin > 0 and len(trial.tried) > 1 for trial in found.values())


def test_an_effect_is_the_difference_of_two_runs_with_this_seed():
    plain = {"steps": 20, "batch_norm": False}
    gain = more(learn, "accuracy", {"steps": 20}, plain)
    for seed in (0, 1):
        assert gain(seed) == learn(seed, steps=20)["accuracy"] - learn(seed, **plain)["accuracy"]


def test_conditions_do_not_share_their_settings():
    """An effect that is made in a loop keeps the settings of its own turn."""
    values = [effect(0) for effect in trials()["bias"].tried.values()]
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("effect", [highest_rate, working_scales, fewest_steps])
def test_a_sweep_counts_what_works(effect, monkeypatch):
    """Runs of our own: with BN rates up to 3 and all scales work; without, rates up to 0.3 and scale 1."""

    def run(experiment, seed, settings):
        assert experiment in (learn, learn_until)
        told = {"init_scale": 1, **dict(settings)}
        bn, rate = told["batch_norm"], told["learning_rate"]
        works = rate <= 3 if bn else rate <= 0.3 and told["init_scale"] == 1
        return {"accuracy": 86 if works else 85, "steps": 20 / rate if works else 300}

    monkeypatch.setattr("bnteach.trials.claims.effects._run", run)
    expected = {"highest_rate": 1.0, "working_scales": 5, "fewest_steps": 20 / 0.3 - 20 / 3}
    assert effect({})(0) == pytest.approx(expected[effect.__name__])
    assert np.isfinite(effect({})(0))


def test_what_is_stored_belongs_to_these_claims():
    _, stored = stored_claims(Path(__file__).parents[3] / "notebooks/deeper/results/07_claims.json")
    found = trials()
    assert {name: list(claim.evidence) for name, claim in stored.items()} == {
        name: list(trial.tried) for name, trial in found.items()
    }
    for name, trial in found.items():
        fields = ("words", "effect", "margin", "expects")
        assert [getattr(stored[name], field) for field in fields] == [
            getattr(trial, field) for field in fields
        ]
    here = found["regularizes"].tried["noisy pixels"](0)
    assert stored["regularizes"].evidence["noisy pixels"].values[0] == pytest.approx(here, abs=2)
