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
from .exercises import POINTS, SOLUTION, Exercise, Solution, checked, find_exercises
from .lessons import KERNELSPEC, NOTEBOOKS, give_ids, raw_cells, tags
from .outputs import refuse_own_files, write_all

TEST = "from bnteach import check as _check\n\n_check.require(_check.{check}({answer}))"
LINK_TO_A_FILE = re.compile(r"!?\[([^\]]*)\]\((?![a-z]+:|#)[^)]*\)")


def write_assignments(out: Path, names: list[str] | None = None, folder: Path = NOTEBOOKS) -> list[Path]:
    """Write `out/NAME/NAME.ipynb` for each lesson's exercises; `out` is the folder `source` of a course."""
    exercises = [one for one in find_exercises(folder, names) if not isinstance(one, Exercise)]
    places = {out / exercise.name / f"{exercise.name}.ipynb": exercise for exercise in exercises}
    refuse_own_files(places, folder)
    write_all({path: text_of(assignment(exercise)) for path, exercise in places.items()})
    return list(places)


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
    answer.metadata["nbgrader"] = about(names["check"], grade=False)
    test.metadata["nbgrader"] = {**about(f"{names['check']}-test", grade=True), "points": points}
    return [answer, test]


def about(name: str, grade: bool) -> dict:
    """A cell as nbgrader knows it: a locked one that is graded, or one that the learner fills in."""
    kind = {"grade": grade, "locked": grade, "solution": not grade, "task": False}
    return {"grade_id": name, **kind, "schema_version": 3}
