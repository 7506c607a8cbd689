"""Lesson 12, live: with Keras installed its models and calls give what is stored."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SOURCE = NOTEBOOKS / "source" / "12_the_same_layer_elsewhere.py"


@pytest.mark.skipif(not find_spec("keras"), reason='needs Keras: pip install -e ".[keras]"')
@pytest.mark.parametrize(
    ("function", "file"), [("keras_calls", "calls"), ("tutorial_models", "tutorial_models")]
)
def test_live_and_stored_results_agree(function, file, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    code = re.search(rf"^def {function}\(\):.*?(?=^\S)", SOURCE.read_text(encoding="utf-8"), re.M | re.S)[0]
    scope = {"np": np}
    exec(code, scope)
    stored = json.loads((NOTEBOOKS / f"results/12_{file}.json").read_text(encoding="utf-8"))["results"]
    assert json.loads(json.dumps(scope[function]())) == stored
