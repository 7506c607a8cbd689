"""Exercises as nbgrader's assignments: the same sources, with the metadata that nbgrader works by.

Each solution cell becomes a cell that nbgrader clears; after it comes a locked cell with points, whose test
is the check itself. It has its own import, so that a variable called `check` does not matter. It is not a
hidden test: the learner's own cell ends with the same check, so there is nothing to hide.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from .build import text_of
from .exercises import POINTS, SOLUTION, Solution, checked
from .lessons import KERNELSPEC, give_ids, raw_cells, tags
from .outputs import refuse_own_files, write_all

TEST = "from bnteach import check as _check\n\n_check.require(_check.{check}({answer}))"
SCHEMA = {"schema_version": 3, "task": False}
LINK_TO_A_FILE = re.compile(r"!?\[([^\]]*)\]\((?![a-z]+:|#)[^)]*\)")


def write_assignments(exercises: list[Solution], out: Path) -> list[Path]:
    """Write `out/NAME/NAME.ipynb` for each of the exercises; `out` is the folder `source` of a course."""
    paths = [out / exercise.name / f"{exercise.name}.ipynb" for exercise in exercises]
    refuse_own_files(paths, exercises[0].folder)
    texts = [text_of(assignment(exercise)) for exercise in exercises]
    write_all(dict(zip(paths, texts, strict=True)))
    return paths


def assignment(exercise: Solution) -> NotebookNode:
    """The exercises of a lesson as nbgrader's source: solutions between markers, tests, no explanations."""
    cells = []
    for cell in raw_cells(exercise):
        if SOLUTION not in tags(cell):
            cells.append(plain(cell))
        elif cell.cell_type == "code":
            cells += graded(cell)
    give_ids(cells)
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata = {"kernelspec": KERNELSPEC}
    return notebook


def plain(cell: NotebookNode) -> NotebookNode:
    """The cell as it is; but links to files of the project become words, as a course has no such files."""
    if cell.cell_type == "code":
        return nbformat.v4.new_code_cell(cell.source)
    return nbformat.v4.new_markdown_cell(LINK_TO_A_FILE.sub(r"\1", cell.source))


def graded(cell: NotebookNode) -> list[NotebookNode]:
    """The learner's cell, and the locked cell that gives the points."""
    names = checked(cell).groupdict()
    points = next((int(match[1]) for tag in tags(cell) if (match := POINTS.match(tag))), 1)
    answer, test = nbformat.v4.new_code_cell(cell.source), nbformat.v4.new_code_cell(TEST.format(**names))
    answer.metadata["nbgrader"] = {
        "grade": False,
        "grade_id": names["check"],
        "locked": False,
        "solution": True,
        **SCHEMA,
    }
    test.metadata["nbgrader"] = {
        "grade": True,
        "grade_id": f"{names['check']}-test",
        "locked": True,
        "points": points,
        "solution": False,
        **SCHEMA,
    }
    return [answer, test]
