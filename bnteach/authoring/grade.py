"""Grades the exercises that students hand in, without nbgrader.

Every notebook is run anew, so that no stored output counts. What counts is the last verdict of each check in
this run, as in `check.report()`. The checks run inside the student's notebook: a student who wants to can
forge a verdict, or hand a check the function of the package.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
from tqdm import tqdm

from .exercises import CHECK, find_exercises
from .grade_run import CALL, Limits, run_cells
from .lessons import code_cells

SUFFIX = ".ipynb"
MISSING, NOT_RUN = "missing", "not run"


class Grade(NamedTuple):
    """How one exercise of one notebook stands; without an exercise, what happened to the notebook."""

    student: str
    notebook: str
    lesson: str = ""
    exercise: str = ""
    state: str = ""
    detail: str = ""


Lessons = dict[str, list[str]]  # the name of each, and the names of its exercises


def grade_all(handed_in: Path, lessons: Lessons, limits: Limits) -> Iterator[list[Grade]]:
    """Yield the grades of each notebook below a folder, one notebook after the other."""
    with tqdm(entries(handed_in), unit="notebook", leave=False) as bar:
        for path in bar:
            name = path.relative_to(handed_in)
            first = name.parts[0] if len(name.parts) > 1 else name.stem
            student, notebook = map(readable, (first, name.as_posix()))
            bar.set_postfix_str(student)
            try:
                graded = grade(path, lessons, limits)
            except Exception as error:  # a file may hold anything, and the next student's turn must come
                words = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
                graded = [("", "", NOT_RUN, words.partition("\n")[0])]
            yield [Grade(student, notebook, *parts) for parts in graded]


def grade(path: Path, lessons: Lessons, limits: Limits) -> list[tuple[str, str, str, str]]:
    """Lesson, exercise, state and detail of each exercise of a notebook, and of what went wrong."""
    sources = code_of(path)
    lesson = lesson_of(sources, lessons)
    run = run_cells(sources, limits)
    default = (MISSING if run.ended else NOT_RUN, "")
    graded = [(lesson, name, *run.verdicts.get(name, default)) for name in lessons[lesson]]
    return graded + [(lesson, "", "not run to the end", note) for note in run.notes]


def entries(folder: Path) -> list[Path]:
    """The notebooks below a folder; and what lies in the folder itself and has none, to be told."""
    if not folder.is_dir():
        raise ValueError(f"FOLDER is {folder}, expected a folder with the notebooks handed in")
    found = []
    for entry in sorted(folder.iterdir()):
        inside = [entry, *sorted(entry.rglob("*"))] if entry.is_dir() else [entry]
        seen = [path for path in inside if is_visible(path.relative_to(folder))]
        found += [path for path in seen if path.suffix.lower() == SUFFIX and path.is_file()] or seen[:1]
    return found


def is_visible(path: Path) -> bool:
    """False for what systems and Jupyter put beside a student's files, and for reports of grades."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return not hidden and path.suffix != ".csv"


def readable(name: str) -> str:
    """A file's name as a text that can be printed, also when it is not in UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


def code_of(path: Path) -> list[str]:
    """The code cells of a notebook, of any format; outputs, kernel and tags are left behind."""
    if path.suffix.lower() != SUFFIX:
        raise ValueError("no notebook was handed in")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on cells without ids, or with the same one
        return [cell.source for cell in code_cells(nbformat.read(path, as_version=4))]


def exercises_of_lessons(folder: Path) -> Lessons:
    """The exercises of each lesson, in their order."""
    return {
        one.name: [found["check"] for found in CHECK.finditer(one.source.read_text(encoding="utf-8"))]
        for one in find_exercises(folder)
    }


def lesson_of(sources: list[str], lessons: Lessons) -> str:
    """The lesson whose checks are called most."""
    calls = set(CALL.findall("\n".join(sources)))
    called = {lesson: len(calls & set(exercises)) for lesson, exercises in lessons.items()}
    if not any(called.values()):
        raise ValueError("it calls the check of no exercise")
    return max(called, key=called.__getitem__)
