"""Lesson 12, live: with Keras installed its models and calls give what is stored."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from bnteach.trials import elsewhere

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SOURCE = NOTEBOOKS / "source" / "12_the_same_layer_elsewhere.py"

pytestmark = pytest.mark.skipif(not find_spec("keras"), reason='needs Keras: pip install -e ".[keras]"')


@pytest.fixture(autouse=True)
def torch_backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")


def stored(name):
    return json.loads((NOTEBOOKS / f"results/12_{name}.json").read_text(encoding="utf-8"))["results"]


@pytest.mark.parametrize(
    ("function", "name"), [(elsewhere.keras_calls, "calls"), (elsewhere.keras_model, "model")]
)
def test_live_and_stored_results_agree(function, name):
    live, kept = function(), stored(name)
    assert live.keys() == kept.keys()
    for key, value in live.items():
        np.testing.assert_allclose(value, kept[key], atol=1e-5)


def test_the_models_of_tutorials_run_as_they_are_shown():
    import keras

    shown = re.search(r"^# ```python\n(.*?)^# ```", SOURCE.read_text(encoding="utf-8"), re.M | re.S)[1]
    scope = vars(keras.layers) | {"Sequential": keras.Sequential}
    exec(re.sub(r"^# ?", "", shown, flags=re.M), scope)
    for name, (shape, parameters) in stored("tutorial_models").items():
        model = scope[name]
        assert list(model.output_shape) == shape
        assert [layer.count_params() for layer in model.layers] == parameters
