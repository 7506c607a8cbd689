"""One thread and no window, set first; repeatable examples; warm kernels; a shell for a notebook."""

import gc
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
from hypothesis import settings
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from warm_kernels import use_warm_kernels

# No deadline: no test is timed. `pytest --hypothesis-profile=explore` draws new examples, and more of them.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("repeatable")

use_warm_kernels()


def pytest_collection_modifyitems(items):
    """Exercises are run, and their outputs not compared: students change them."""
    for item in items:
        if item.path.suffix == ".ipynb" and item.path.parent.name == "exercises":
            item.options["check"] = False


def pytest_collection_finish():
    """What is imported stays: looking for garbage in it would take 0.2 s each time."""
    gc.freeze()


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
