"""nbgrader's own cycle on a scratch course: make, release, hand in, grade, export, feed back."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr
from functools import cache
from html import unescape
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from traitlets.config import Application

from bnteach.authoring.__main__ import main
from bnteach.authoring.exercises import Exercise
from bnteach.authoring.lessons import NOTEBOOKS, code_cells, read_source

apps = pytest.importorskip("nbgrader.apps", reason="nbgrader is not installed: pip install nbgrader")
api = pytest.importorskip("nbgrader.api")
alembic_version = cache(api.get_alembic_version)

NAME = "02_normalize"
WRONG_LINE = ("np.sqrt(var + eps)", "(np.sqrt(var) + eps)")  # ε outside the root, in standardize
POINTS = {"standardize": 1, "largest_x_hat_batch": 2, "matching_rate": 2}


def nbgrader(course: Path, *arguments: str) -> None:
    """Run a command of nbgrader in the course, as a teacher does, in this process, which has warm kernels."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(), redirect_stderr(said):
        patch.chdir(course)
        # nbgrader calls the program `alembic`, which is beside Python in the environment; here once.
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        patch.setattr(api, "get_alembic_version", alembic_version)
        warnings.simplefilter("ignore")  # those of nbgrader are not ours
        try:
            apps.NbGraderApp.launch_instance([*arguments])
        except SystemExit as end:
            if end.code:
                raise AssertionError(said.getvalue()) from None
        finally:
            Application.instance().clear_instance()


def hand_in(course: Path, student: str) -> Path:
    """The released notebook as that of a student."""
    path = course / "submitted" / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    return Path(shutil.copy(course / "release" / NAME / f"{NAME}.ipynb", path))


def solve(path: Path, solutions: nbformat.NotebookNode, change=("", "")) -> None:
    """Put the solutions into a released notebook, one of them perhaps with a mistake."""
    answers = {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in solutions.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = answers[cell.metadata.nbgrader.grade_id].replace(*change)
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A graded course: all right, one exercise wrong, a locked cell deleted, only a cell duplicated."""
    course = tmp_path_factory.mktemp("course")
    assert main(["classroom", "--out", str(course / "source"), "02"]) == 0
    source = nbformat.read(course / "source" / NAME / f"{NAME}.ipynb", as_version=4)
    nbgrader(course, "generate_assignment", NAME, "--create")
    solve(hand_in(course, "right"), source)
    solve(hand_in(course, "wrong"), source, WRONG_LINE)
    solve(unlocked := hand_in(course, "unlocked"), source)
    change_cells(unlocked, lambda cells: cells.remove(next(filter(is_test, cells))))
    change_cells(untouched := hand_in(course, "untouched"), duplicate_a_test)
    with pytest.raises(AssertionError) as stopped:
        nbgrader(course, "autograde", NAME, "--create")
    (course / "stopped.txt").write_text(str(stopped.value), encoding="utf-8")
    change_cells(untouched, lambda cells: cells.pop())
    nbgrader(course, "autograde", NAME)
    nbgrader(course, "generate_feedback", NAME)
    nbgrader(course, "export")
    return course


def duplicate_a_test(cells: list[NotebookNode]) -> None:
    cells.append(NotebookNode({**next(filter(is_test, cells)), "id": "again"}))


def change_cells(path: Path, change: Callable[[list], object]) -> None:
    notebook = nbformat.read(path, as_version=4)
    change(notebook.cells)
    nbformat.write(notebook, path)


def released(course: Path) -> nbformat.NotebookNode:
    return nbformat.read(course / "release" / NAME / f"{NAME}.ipynb", as_version=4)


def feedback(course: Path, student: str) -> str:
    """The words of a feedback page, without its tags and with white space made even."""
    page = (course / "feedback" / student / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    page = re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_nbgrader_erases_just_as_the_exercises_are_erased(course):
    given = [cell.source for cell in code_cells(released(course)) if not is_test(cell)]
    assert given == [cell.source for cell in code_cells(read_source(Exercise(NAME, NOTEBOOKS)))]
    assert sum("raise NotImplementedError()" in source for source in given) == len(POINTS)
    assert not any(cell.outputs or cell.execution_count for cell in code_cells(released(course)))


def test_the_points_are_those_of_the_source_and_the_tests_are_locked(course):
    tests = [cell.metadata.nbgrader for cell in code_cells(released(course)) if is_test(cell)]
    assert {one.grade_id.removesuffix("-test"): one.points for one in tests} == POINTS
    assert all(one.locked for one in tests)


def is_test(cell: nbformat.NotebookNode) -> bool:
    return cell.metadata.get("nbgrader", {}).get("grade", False)


def test_the_released_text_has_no_explanation_and_no_link_that_a_course_lacks(course):
    text = "\n".join(cell.source for cell in released(course).cells if cell.cell_type == "markdown")
    assert "after the lesson 02 · Normalize*" in text
    assert "](.." not in text
    assert "The solution, explained" not in text


def test_right_scores_all_wrong_and_unlocked_lose_their_part_untouched_gets_nothing(course):
    with open(course / "grades.csv", encoding="utf-8", newline="") as file:
        scores = {
            row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in csv.DictReader(file)
        }
    full = sum(POINTS.values())
    assert scores == {
        "right": (full, full),
        "wrong": (full - POINTS["standardize"], full),
        "unlocked": (full - POINTS["standardize"], full),
        "untouched": (0, full),
    }


def test_the_feedback_has_the_words_of_the_verdicts(course):
    wrong, right, untouched = (feedback(course, student) for student in ("wrong", "right", "untouched"))
    assert re.search(r"AssertionError ?: ✗ standardize: not yet", wrong)
    assert "ε is outside the root" in wrong
    assert "✓ largest_x_hat_batch: passed" in wrong
    assert "outside the root" not in right + untouched
    assert "3 of 3 passed" in right
    assert "not yet" not in right + untouched
    assert "○ matching_rate: not attempted" in untouched


def test_a_duplicated_cell_stops_the_grading_until_it_is_deleted(course):
    """As the README says; what it gives as the way out is the way of the course."""
    words = (course / "stopped.txt").read_text(encoding="utf-8")
    assert re.search(r"ID 'untouched'[\s\S]*old version[\s\S]*metadata format", words)


def test_the_command_refuses_a_name_that_no_exercise_has(tmp_path, capsys):
    assert main(["classroom", "--out", str(tmp_path), "99"]) == 2
    assert "no notebook of exercises begins with '99'; there are 00_" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_assignment_is_the_same_each_time(tmp_path):
    for folder in ("one", "two"):
        assert main(["classroom", "--out", str(tmp_path / folder), NAME]) == 0
    one, two = (tmp_path / folder / NAME / f"{NAME}.ipynb" for folder in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
