"""An IPython shell for what is displayed, without a notebook around it."""

from __future__ import annotations

import pytest
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from bnteach import labs


@pytest.fixture(scope="session")
def shell(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        patch.setattr(HistoryManager, "enabled", False)
        yield InteractiveShell.instance()


@pytest.fixture
def displayed(shell):
    """displayed(function) runs it and returns its outputs; each has .data and .metadata."""

    def outputs_of(function):
        with capture_output() as captured:
            function()
        assert captured.stdout == ""
        assert captured.stderr == ""
        return captured.outputs

    return outputs_of


@pytest.fixture(params=sorted(set(labs.__all__) - {"Lab"}))
def lab_class(request):
    """Each lab in turn."""
    if request.param == "Training":
        pytest.importorskip("torch")
    return getattr(labs, request.param)
