"""Nothing is named, and nothing is said, that is not sure on every probe."""

import dataclasses

import numpy as np

from bnteach import check


def eps_outside(x, eps):
    return (x - x.mean(axis=0)) / (x.std(axis=0) + eps)


def test_two_mistakes_that_look_the_same_are_both_offered(monkeypatch):
    known = check.CATALOGUE["eps_outside"]
    monkeypatch.setitem(check.CATALOGUE, "twin", dataclasses.replace(known, key="twin", title="a twin of it"))
    verdict = check.standardize(eps_outside)
    assert verdict.mistakes == ()
    assert "It may be one of these:" in verdict.why
    assert known.title in verdict.why
    assert "a twin of it" in verdict.why


def test_what_is_true_on_one_probe_alone_is_not_said():
    def answer(x, eps):
        return x + 0.0 if len(x) == 3 else np.tanh(x - x.mean(0))

    verdict = check.standardize(answer)
    assert verdict.mistakes == ()
    assert "equals x" not in verdict.why
