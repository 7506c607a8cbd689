"""Lesson 13: the loops that Numba compiles are batch normalization, and the measures see what they should."""

import json

import numpy as np
import pytest
import torch

from bnteach.core import functional
from bnteach.trials import speed

LAYER = speed.batch(mean=1e4, samples=4, channels=3, positions=16)


def exactly(x, gamma, beta, dy):
    """The plain page."""
    x, gamma, beta, dy = (a.astype(float) for a in (x, gamma.ravel(), beta.ravel(), dy))
    y, cache = functional.batch_norm_forward(x, gamma, beta, 1e-5)
    return y, *functional.batch_norm_backward(dy, cache)


WAYS = {
    "loops": speed.as_way(speed.loops.forward, speed.loops.backward),
    "engine": speed.engine,
    "PyTorch": lambda x, *others: speed.pytorch(x - np.float32(1e4), *others),
}


@pytest.mark.parametrize("name", WAYS)
def test_each_way_agrees_with_the_plain_page(name):
    for found, right in zip(WAYS[name](*LAYER), exactly(*LAYER), strict=True):
        assert np.allclose(found.ravel(), right.ravel(), rtol=1e-4, atol=1e-4)


def test_the_peak_counts_what_lives_at_once():
    layer = [np.ones(10**5)]
    assert speed.peak(lambda x: [x.copy() for _ in range(3)], layer) == pytest.approx(3, abs=0.1)
    assert speed.peak(lambda x: [x.copy().sum() for _ in range(3)], layer) == pytest.approx(1, abs=0.1)


def test_a_row_has_the_time_of_the_passes_beside_the_measured_one(capsys, monkeypatch):
    seconds = {"loops": 0.05, "PyTorch": 0.1, "least": 0.02}
    monkeypatch.setattr(speed.measure, "shortest", lambda ways, layer: {name: seconds[name] for name in ways})
    near = [LAYER[0] - np.float32(1e4), *LAYER[1:]]
    ways = {"loops": WAYS["loops"], "PyTorch": speed.pytorch, "least": speed.least}
    speed.table(ways, {"loops": 15, "least": 5}, near, "loops")
    assert "15 passes:  60 ms   measured:  50 ms, 0.50 of PyTorch's" in capsys.readouterr().out


def test_an_error_is_told_in_eps():
    def with_error(x, *others):
        y, *gradients = exactly(x, *others)
        return y * (1 + 5 * 2**-23 / abs(y / np.sqrt(np.mean(y**2))).max()), *gradients

    assert speed.digits(exactly, exactly, 0) == 0
    assert speed.digits(with_error, exactly, 0) == pytest.approx(5)
    assert speed.digits(lambda *layer: [np.float32(np.nan) * layer[0]], exactly, 0) == np.inf


def test_the_order_in_memory_changes_no_formula():
    for order in (torch.contiguous_format, torch.channels_last):
        near = [LAYER[0] - np.float32(1e4), *LAYER[1:]]
        assert np.allclose(speed.y_of_pytorch(near, order), exactly(*near)[0], atol=1e-5)


def test_results_that_differ_are_refused():
    speed.assert_same(speed.pytorch(*LAYER), speed.pytorch(*LAYER))
    y, dx, *others = speed.pytorch(*LAYER)
    with pytest.raises(AssertionError, match="dx differs"):
        speed.assert_same((y, 1.01 * dx, *others), (y, dx, *others))


def test_without_the_compiler_stored_numbers_are_shown_with_their_versions(tmp_path, capsys):
    def measure():
        return {"ratio": 0.5, "peak": 2.0, "digits": 3.0}

    path = tmp_path / "numbers.json"
    speed.live_or_stored("pytest", measure, path, again=True)
    assert speed.live_or_stored("pytest", lambda: {"ratio": 1}, path, again=False) == {"ratio": 1}
    assert "pytest" in json.loads(path.read_text(encoding="utf-8"))["results"]
    capsys.readouterr()
    path.write_text(path.read_text(encoding="utf-8").replace("pytest", "no_such_compiler"), encoding="utf-8")
    numbers = speed.live_or_stored("no_such_compiler", measure, path, again=False)
    assert numbers["ratio"] == 0.5
    assert f"no_such_compiler {pytest.__version__}, NumPy {np.__version__}" in capsys.readouterr().out
