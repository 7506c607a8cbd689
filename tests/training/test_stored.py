"""What is stored comes back, with where it comes from."""

import numpy as np
import pytest

from bnteach.training import Claim, SeedSummary, stored, stored_claims


def test_stored_results_are_read_until_they_are_wanted_again(tmp_path):
    path, calls = tmp_path / "trial.json", []

    def compute():
        calls.append(1)
        return {"value": len(calls)}

    with pytest.raises(FileNotFoundError):
        stored(path, compute)
    assert stored(path, compute, again=True)["results"] == {"value": 1}
    assert stored(path, compute)["results"] == {"value": 1}
    kept = stored(path, compute, again=True)
    assert kept["results"] == {"value": 2}
    assert set(kept) == {"command", "date", "versions", "results"}


def test_stored_claims_come_back_with_their_values_and_verdicts(tmp_path):
    claims = {
        "first": Claim("BN sings", "loudness", 1, {"a": SeedSummary(np.array([2.0, 3, 4.0000001]))}),
        "second": Claim("€", "γ", 0.3, {"x": SeedSummary(np.array([0, 1e-9 / 3]))}, expects="none"),
    }
    path = tmp_path / "claims.json"
    about, back = stored_claims(path, claims, "sing again")
    assert set(about) == {"command", "date", "versions"}
    assert about["command"] == "sing again"
    assert set(about["versions"]) == {"python", "torch", "numpy"}
    assert list(back) == list(claims)
    for name, claim in claims.items():
        for field in ("words", "effect", "margin", "expects", "verdict"):
            assert getattr(back[name], field) == getattr(claim, field)
        for condition, summary in claim.evidence.items():
            np.testing.assert_allclose(back[name].evidence[condition].values, summary.values, rtol=1e-5)
    assert str(stored_claims(path)) == str((about, back))
    with pytest.raises(FileNotFoundError):
        stored_claims(tmp_path / "nowhere.json")
