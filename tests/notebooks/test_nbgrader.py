"""nbgrader's own cycle on a course of two assignments: make, release, hand in, grade, feed back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from bnteach.authoring.classroom import write_assignments
from bnteach.authoring.exercises import Solution, find_exercises

NAME = "02_normalize"
WRONG_LINE = ("np.sqrt(var + eps)", "(np.sqrt(var) + eps)")  # ε outside the root


def nbgrader(course: Path, *arguments: str) -> str:
    """Run a command of nbgrader in the course, as a teacher does."""
    command = [sys.executable, "-m", "nbgrader", *arguments, "--course=" + str(course)]
    # nbgrader calls the program `alembic`, which is beside Python in the environment.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command, cwd=course, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


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
    """A course with three students: all right, one exercise wrong, nothing done; graded."""
    course = tmp_path_factory.mktemp("course")
    (exercise,) = (one for one in find_exercises(names=[NAME]) if type(one) is Solution)
    (source,) = write_assignments([exercise], course / "source")
    nbgrader(course, "generate_assignment", NAME, "--create")
    released = course / "release" / NAME / f"{NAME}.ipynb"
    for student, change in {"right": ("", ""), "wrong": WRONG_LINE, "untouched": None}.items():
        handed_in = course / "submitted" / student / NAME / f"{NAME}.ipynb"
        handed_in.parent.mkdir(parents=True)
        shutil.copy(released, handed_in)
        if change is not None:
            solve(handed_in, nbformat.read(source, as_version=4), change)
    nbgrader(course, "autograde", NAME, "--create")
    nbgrader(course, "generate_feedback", NAME)
    return course


def scores(course: Path) -> dict[str, tuple[float, float]]:
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        handed_in = book.assignment_submissions(NAME)
        return {one.student.id: (one.score, one.max_score) for one in handed_in}


def test_the_released_notebook_has_no_solution(course):
    released = (course / "release" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8")
    assert "raise NotImplementedError()" in released
    assert "np.sqrt(var + eps)" not in released.replace("`np.sqrt(var + eps)`", "")
    assert "The solution, explained" not in released


def test_right_scores_all_wrong_its_part_untouched_nothing(course):
    found = scores(course)
    full = found["right"][1]
    assert full > 0
    assert found["right"] == (full, full)
    assert found["untouched"] == (0, full)
    assert 0 < found["wrong"][0] < full


def test_the_feedback_tells_the_mistake(course):
    feedback = (course / "feedback" / "wrong" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    assert "ε is outside the root" in feedback or "outside the root" in feedback
