"""Each lesson runs from top to bottom in JupyterLab, without an error in a cell or in the browser."""

from __future__ import annotations

from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))


def test_there_are_lessons():
    assert LESSONS, f"{NOTEBOOKS} holds no notebook; `make notebooks` builds them"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_run_all(open_notebook, path):
    notebook = open_notebook(path)
    notebook.run_all()
    assert notebook.errors() == []
    for number in notebook.cells_with_widgets():
        lab = notebook.lab(number)
        assert lab.reading
        assert lab.pixels()


def test_students_do_not_see_the_tools_of_the_teacher(open_notebook):
    """`make` installs nbgrader, and hides its menu, its sidebar and its button in each notebook."""
    words = open_notebook(LESSONS[0]).page.locator("body").inner_text()
    assert "Kernel" in words
    assert "grader" not in words.lower()
    assert "Create Assignment" not in words
