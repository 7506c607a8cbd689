"""A forked kernel is like a fresh one: its folder, its environment, and nothing of what the tests import."""

import sys

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")
STATE = "import os, sys; print(os.getcwd(), os.environ.get('MINE'), {'bnteach', 'pytest'} & set(sys.modules))"


def printed(code, folder):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    client = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(folder)}})
    client.execute()
    return "".join(output.text for output in notebook.cells[0].outputs)


def test_where_it_runs_and_what_it_has(tmp_path, monkeypatch):
    monkeypatch.setenv("MINE", "set later")
    assert printed(STATE, tmp_path) == f"{tmp_path} set later set()\n"


def test_it_is_forked_and_holds_nothing_of_another_notebook(tmp_path):
    printed("left = 1", tmp_path)
    assert printed("import sys; print('torch' in sys.modules, 'left' in dir())", tmp_path) == "True False\n"


def test_it_may_start_processes(tmp_path):
    code = "import joblib; print(joblib.Parallel(2)(joblib.delayed(abs)(x) for x in (-1, -2)))"
    assert printed(code, tmp_path) == "[1, 2]\n"


def test_a_cell_that_takes_too_long_is_interrupted(tmp_path):
    code = "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('stopped')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=2, interrupt_on_timeout=True).execute(cwd=str(tmp_path))
    assert notebook.cells[0].outputs[0].text == "stopped\n"
