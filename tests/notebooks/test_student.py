"""The student's copy: no outputs, never overwritten once it is changed, else in step with the project."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import nbformat
import pytest

from bnteach.authoring import outputs
from bnteach.authoring.__main__ import main
from bnteach.authoring.clean import clear_answers
from bnteach.authoring.lessons import NOTEBOOKS, code_cells
from bnteach.authoring.prose_checks import relative_links
from bnteach.authoring.student import COURSE, LEFT, RECORD, copy_for_student
from bnteach.authoring.student_files import files_for_student

SOLUTION = "solutions/00_tiny.ipynb"
LINKS = (
    "[solved](../solutions/00_tiny.ipynb#one) [lesson](../00_tiny.ipynb) [web](https://a.org) ![a](../h.png)"
)


@pytest.fixture
def project(built, monkeypatch) -> Path:
    """A project of one built lesson, its exercise and its solution."""
    monkeypatch.setattr(outputs, "PROJECT", built.folder.parent)
    for place in ("exercises", "solutions"):
        (built.folder / place).mkdir()
        shutil.copy(built.notebook, built.folder / place)
    (built.folder / "h.png").write_bytes(b"picture")
    change(built.folder / "exercises" / "00_tiny.ipynb", lambda cells: cells[0].update(source=LINKS))
    return built.folder.parent


def change(path: Path, act) -> None:
    notebook = nbformat.read(path, as_version=4)
    act(notebook.cells)
    nbformat.write(notebook, path)


def add_a_line(path: Path, line: str) -> None:
    change(path, lambda cells: cells[1].update(source=cells[1].source + "\n" + line))


def run_by_the_student(cells) -> None:
    cells[2].outputs = [nbformat.v4.new_output("stream", text="mean [2. 4.]\n")]
    cells[2].execution_count = 7
    cells.append(nbformat.v4.new_code_cell(""))  # JupyterLab adds one below the last


def copy(project: Path) -> list[str]:
    """Copy; return the lines that say what was left alone."""
    return copy_for_student(project / "course", project / "notebooks")[1:]


def lesson(project: Path, place: str = "course") -> Path:
    return project / place / "00_tiny.ipynb"


def test_a_fresh_copy_has_no_outputs_and_no_solutions(project):
    assert copy(project) == []
    files = sorted(
        path.relative_to(project / "course").as_posix() for path in (project / "course").rglob("*.*")
    )
    assert files == [RECORD, "00_tiny.ipynb", "exercises/00_tiny.ipynb", "h.png"]
    ours, copied = (nbformat.read(lesson(project, place), as_version=4) for place in ("notebooks", "course"))
    assert [cell.source for cell in code_cells(copied)] == [cell.source for cell in code_cells(ours)]
    assert not any(cell.outputs or cell.execution_count for cell in code_cells(copied))
    assert copied.cells[5].metadata == {"tags": ["raises-exception"]}
    assert copied.cells[8].metadata == {"tags": ["draws"], "jupyter": {"source_hidden": True}}


@pytest.mark.parametrize(
    ("source", "rest"),
    [
        ("y = f(x)\nassert y > 0\nprint(y)", "y = f(x)\nprint(y)"),
        ("print(y)\nassert (\n    y\n    > 0\n)", "print(y)"),
        ("def f(x):\n    assert x\n    return x", "def f(x):\n    assert x\n    return x"),
        ("%time f()\nassert y", "%time f()\nassert y"),
    ],
)
def test_what_a_lesson_asserts_is_no_answer_to_look_up(source, rest):
    cells = [nbformat.v4.new_code_cell(code) for code in (source, "assert y > 0", "")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    clear_answers(notebook)
    assert [cell.source for cell in notebook.cells] == [rest, ""]


def test_links_lead_to_the_solutions_of_the_project_and_elsewhere_become_words(project, tmp_path_factory):
    def first_cell(out: Path) -> str:
        copy_for_student(out, project / "notebooks")
        return nbformat.read(out / "exercises" / "00_tiny.ipynb", as_version=4).cells[0].source

    inside = first_cell(project / "course")
    assert inside == LINKS.replace("../solutions", "../../notebooks/solutions")
    assert (project / "course" / "exercises" / "../../notebooks/solutions/00_tiny.ipynb").exists()
    outside = first_cell(tmp_path_factory.mktemp("elsewhere"))
    assert outside == LINKS.replace("[solved](../solutions/00_tiny.ipynb#one)", "solved")


def test_what_the_student_changed_is_left_alone_and_said(project):
    copy(project)
    add_a_line(lesson(project), "mine = 1")
    mine = lesson(project).read_bytes()
    said = LEFT.format(lesson(project))
    assert copy(project) == [said]
    add_a_line(lesson(project, "notebooks"), "theirs = 2")
    assert copy(project) == copy(project) == [said]
    assert lesson(project).read_bytes() == mine


def test_what_the_student_only_ran_is_unchanged_and_follows_the_project(project):
    copy(project)
    change(lesson(project), run_by_the_student)
    mine = lesson(project).read_bytes()
    assert copy(project) == []
    assert lesson(project).read_bytes() == mine
    add_a_line(lesson(project, "notebooks"), "theirs = 2")
    (project / "notebooks" / "h.png").write_bytes(b"a better picture")
    assert copy(project) == []
    assert "theirs = 2" in lesson(project).read_text(encoding="utf-8")
    assert (project / "course" / "h.png").read_bytes() == b"a better picture"


def test_a_change_taken_back_follows_the_project_again(project):
    copy(project)
    unchanged = lesson(project).read_bytes()
    add_a_line(lesson(project), "mine = 1")
    add_a_line(lesson(project, "notebooks"), "theirs = 2")
    assert len(copy(project)) == 1
    lesson(project).write_bytes(unchanged)
    assert copy(project) == []
    assert "theirs = 2" in lesson(project).read_text(encoding="utf-8")


def test_a_deleted_copy_comes_again(project):
    copy(project)
    lesson(project).unlink()
    assert copy(project) == []
    assert lesson(project).exists()
    shutil.rmtree(project / "course")
    assert copy(project) == []
    assert lesson(project).exists()


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"{}", b"null", b"\xff\xfe", b'{"cells": 3, "nbformat": 4, "nbformat_minor": 5}'],
)
def test_a_broken_copy_is_left_alone(text, project):
    copy(project)
    lesson(project).write_bytes(text)
    assert len(copy(project)) == 1
    assert lesson(project).read_bytes() == text


def test_a_folder_in_the_place_of_a_notebook_is_left_alone(project):
    lesson(project).mkdir(parents=True)
    assert len(copy(project)) == 1
    assert (project / "course" / "exercises" / "00_tiny.ipynb").exists()


@pytest.mark.parametrize("record", [None, b"", b"[1]", b"3", b'{"00_tiny.ipynb": 3}', b"\xff"])
def test_without_a_record_what_differs_is_left_alone(record, project):
    copy(project)
    (project / "course" / RECORD).unlink()
    if record is not None:
        (project / "course" / RECORD).write_bytes(record)
    add_a_line(lesson(project, "notebooks"), "theirs = 2")
    assert len(copy(project)) == 1
    assert "exercises/00_tiny.ipynb" in json.loads((project / "course" / RECORD).read_text(encoding="utf-8"))


def test_a_folder_that_cannot_be_written_is_told_in_a_line_and_nothing_is_lost(project, monkeypatch, capsys):
    def refuse(self, data):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    copy(project)
    monkeypatch.setattr(Path, "write_bytes", refuse)
    assert copy(project) == []  # there is nothing to write
    before = lesson(project).read_bytes()
    add_a_line(lesson(project, "notebooks"), "theirs = 2")
    arguments = ["student", "--folder", str(project / "notebooks"), "--out", str(project / "course")]
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: cannot write ")
    assert line.endswith("Permission denied")
    assert lesson(project).read_bytes() == before


def test_without_built_notebooks_there_is_nothing_to_copy(tmp_path, capsys):
    assert main(["student", "--folder", str(tmp_path), "--out", str(tmp_path / "course")]) == 2
    assert "no built notebook" in capsys.readouterr().err


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """The files of the student's copy of this project."""
    return files_for_student(COURSE, NOTEBOOKS)


def test_every_link_of_the_course_leads_somewhere(files):
    for name in (name for name in files if name.endswith(".ipynb")):
        for link in relative_links(nbformat.reads(files[name].decode(), as_version=4)):
            target = Path(os.path.normpath(COURSE / name / ".." / link))
            copied = target.is_relative_to(COURSE) and target.relative_to(COURSE).as_posix() in files
            assert copied or (target.exists() and not target.is_relative_to(COURSE)), (name, link)


def test_stored_results_come_along(files):
    assert {path.relative_to(NOTEBOOKS).as_posix() for path in NOTEBOOKS.glob("results/*.json")} <= set(files)
