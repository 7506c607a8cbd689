"""Lessons 13 and 13b: each way is batch normalization, and the measures see what they should."""

import ast
import inspect
import json

import numpy as np
import pytest
import torch

from bnteach.authoring.lessons import NOTEBOOKS
from bnteach.core import functional
from bnteach.trials import speed

FAR = speed.batch(mean=1e4, samples=4, channels=3, positions=16)
NEAR = speed.batch(mean=0.5, samples=4, channels=3, positions=16)


def exactly(x, gamma, beta, dy):
    """The plain page."""
    x, gamma, beta, dy = (a.astype(float) for a in (x, gamma.ravel(), beta.ravel(), dy))
    y, cache = functional.batch_norm_forward(x, gamma, beta, 1e-5)
    return y, *functional.batch_norm_backward(dy, cache)


LOOPS = speed.as_way(speed.loops.forward, speed.loops.backward)
WHOLE = speed.textbook, speed.in_place, speed.folded
WAYS = [(LOOPS, FAR), (speed.engine, FAR), *((way, NEAR) for way in (speed.pytorch, *WHOLE))]


@pytest.mark.parametrize(("way", "layer"), WAYS)
def test_each_way_agrees_with_the_plain_page(way, layer):
    for found, right in zip(way(*layer), exactly(*layer), strict=True):
        assert np.allclose(found.ravel(), right.ravel(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("way", [*WHOLE, speed.total])
def test_lesson_13_types_the_same_lines(way):
    source = (NOTEBOOKS / "source/13_make_it_fast.py").read_text(encoding="utf-8")
    (typed,) = [node for node in ast.walk(ast.parse(source)) if getattr(node, "name", "") == way.__name__]
    assert ast.unparse(typed) == ast.unparse(ast.parse(inspect.getsource(way)))


def test_the_peak_counts_what_lives_at_once():
    layer = [np.ones(10**5)]
    assert speed.peak(lambda x: [x.copy() for _ in range(3)], layer) == pytest.approx(3, abs=0.1)
    assert speed.peak(lambda x: [x.copy().sum() for _ in range(3)], layer) == pytest.approx(1, abs=0.1)


def test_times_are_told_in_fifths_of_the_least(capsys, monkeypatch):
    seconds = {"loops": 0.05, "PyTorch": 0.1, "least": 0.02}
    monkeypatch.setattr(speed.measure, "shortest", lambda tasks: {name: seconds[name] for name in tasks})
    assert speed.in_passes({"loops": LOOPS}, NEAR) == {"loops": 12.5}
    speed.table({"loops": LOOPS}, {"loops": 15}, NEAR)
    _, loops, pytorch = capsys.readouterr().out.splitlines()
    assert loops.split()[:-1] == ["loops", "15", "12", "0.5"]
    assert pytorch.split() == ["PyTorch", "25", "1.0"]


def three_lines(x, gamma, beta, dy):
    m = x.size
    y = x + m
    y *= gamma
    return y


def test_lines_are_timed_in_turn_each_with_what_the_ones_before_gave(capsys):
    speed.lines(three_lines, [0, 2, 3], NEAR)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["counted", "measured"]
    assert [(row.split()[0], row.split("   ")[-1]) for row in rows] == [
        ("2", "y = x + m"),
        ("3", "y *= gamma"),
    ]


def test_an_error_is_told_over_the_root_mean_square():
    def with_error(x, *others):
        y, *gradients = exactly(x, *others)
        return y * (1 + 5e-7 / abs(y / np.sqrt(np.mean(y**2))).max()), *gradients

    assert speed.error(exactly, 0) == 0
    assert speed.error(with_error, 0) == pytest.approx(5e-7)
    assert speed.error(lambda *layer: [np.float32(np.nan) * layer[0]], 0) == np.inf


def test_the_order_in_memory_changes_no_formula():
    for order in (torch.contiguous_format, torch.channels_last):
        assert np.allclose(speed.y_of_pytorch(NEAR, order), exactly(*NEAR)[0], atol=1e-5)


def test_results_that_differ_are_refused():
    speed.assert_same(speed.pytorch(*NEAR), speed.pytorch(*NEAR))
    y, dx, *others = speed.pytorch(*NEAR)
    with pytest.raises(AssertionError, match="dx differs"):
        speed.assert_same((y, 1.01 * dx, *others), (y, dx, *others))


def test_without_the_compiler_stored_numbers_are_shown_with_their_versions(tmp_path, capsys):
    def measure():
        return {"ratio": 0.5, "peak": 2.0, "error": 3.0}

    path = tmp_path / "numbers.json"
    speed.live_or_stored("pytest", measure, path, again=True)
    assert speed.live_or_stored("pytest", lambda: {"ratio": 1}, path, again=False) == {"ratio": 1}
    assert "pytest" in json.loads(path.read_text(encoding="utf-8"))["results"]
    capsys.readouterr()
    path.write_text(path.read_text(encoding="utf-8").replace("pytest", "no_such_compiler"), encoding="utf-8")
    numbers = speed.live_or_stored("no_such_compiler", measure, path, again=False)
    assert numbers["ratio"] == 0.5
    assert f"no_such_compiler {pytest.__version__}, NumPy {np.__version__}" in capsys.readouterr().out
