"""Lesson 12, live: with Keras and ONNX installed its verdicts are those that are stored."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

LESSON = Path(__file__).parents[2] / "notebooks" / "12_the_same_layer_elsewhere.ipynb"


def texts(notebook) -> dict[str, str]:
    """What each cell that is compared has printed, by its id."""
    return {
        cell.id: "".join(output.get("text", "") for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code" and "nbval-ignore-output" not in cell.metadata.get("tags", [])
    }


@pytest.mark.skipif(
    not (find_spec("keras") and find_spec("onnx")), reason='needs Keras and ONNX: pip install -e ".[keras]"'
)
def test_live_and_stored_results_agree():
    notebook = nbformat.read(LESSON, as_version=4)
    stored = texts(notebook)
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": LESSON.parent}}).execute()
    assert "live, with Keras" in "".join(str(cell.get("outputs")) for cell in notebook.cells)
    assert texts(notebook) == stored
