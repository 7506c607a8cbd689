"""Each lab in turn, drawn once and moved back; and labs that are not drawn, where a test reads numbers."""

from __future__ import annotations

import ipywidgets as widgets
import pytest

from bnteach import labs
from bnteach.labs import lab as module


@pytest.fixture(scope="session")
def drawn():
    """What a test asks for that looks at a picture."""


@pytest.fixture(autouse=True)
def undrawn(request, monkeypatch):
    """Every other test has labs that compute and read, and draw nothing."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(module, "Canvas", NoCanvas)


class NoCanvas:
    def __init__(self, panels, size):
        self.image = widgets.Image()

    def invalidate(self):
        pass

    def paint(self, background, marks):
        pass


@pytest.fixture(scope="module", params=sorted(set(labs.__all__) - {"Lab"}))
def lab_class(request, drawn):
    """Each lab in turn."""
    if request.param in ("Landscape", "Pruning", "Shifts", "Training"):
        pytest.importorskip("torch")
    return getattr(labs, request.param)


@pytest.fixture(scope="module")
def only_lab(lab_class):
    return lab_class()


@pytest.fixture
def lab(only_lab):
    """A lab as it begins. It is one for all tests: what they move is moved back."""
    start = {name: control.value for name, control in only_lab.widgets.items()}
    frame = only_lab.frame
    yield only_lab
    if only_lab.frame is not frame:
        only_lab.set(**start)
