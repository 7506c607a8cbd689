"""Each lesson opens in JupyterLab, and its labs live there. That all its cells run is seen by nbval."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))


def test_there_are_lessons():
    assert LESSONS, f"{NOTEBOOKS} holds no notebook; `make notebooks` builds them"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_opens_and_its_labs_live(open_notebook, path):
    notebook = open_notebook(path)
    sources = notebook.sources()
    imports = next(number for number, source in enumerate(sources) if "import" in source)
    notebook.run_cell(imports)
    for number, source in enumerate(sources):
        if re.search(r"^labs\.[A-Z]", source, re.MULTILINE):
            notebook.run_cell(number)
            lab = notebook.lab(number)
            assert lab.reading
            assert "did not work" not in lab.reading  # how a lab says that it raised an error
            assert lab.pixels()
    assert notebook.errors() == []


def test_run_all(open_notebook):
    (lesson,) = NOTEBOOKS.glob("02_*.ipynb")
    notebook = open_notebook(lesson)
    notebook.run_all()
    assert notebook.errors() == []
    assert len(notebook.cells_with_widgets()) == 1


def test_students_do_not_see_the_tools_of_the_teacher(open_notebook):
    """`make` installs nbgrader, and hides its menu, its sidebar and its button in each notebook."""
    words = open_notebook(LESSONS[0]).page.locator("body").inner_text()
    assert "Kernel" in words
    assert "grader" not in words.lower()
    assert "Create Assignment" not in words
