"""The numbers of the lessons as a table: what is above its limit is marked."""

from __future__ import annotations

from dataclasses import fields

import nbformat
from nbformat import NotebookNode

from .checks import own_checks
from .freshness import reason_to_build
from .grade_report import aligned
from .lessons import Lesson, read_source
from .numbers import Numbers, numbers_of, said_minutes
from .rules import MOST, most_of

COLUMNS = [*(field.name for field in fields(Numbers)), "minutes"]
ABOVE = "!"


def table_of(lessons: list[Lesson]) -> str:
    """A row a lesson, a column a number; the first row has the limits."""
    head = ["lesson", *COLUMNS, "said"]
    limits = [f"at most ({ABOVE}: above)", *(str(MOST.get(name, "")) for name in COLUMNS), ""]
    return aligned([head, limits, *map(row_of, lessons)])


def row_of(lesson: Lesson) -> list[str]:
    notebook = as_written(lesson)
    numbers, most = numbers_of(lesson, notebook), most_of(lesson)
    values = {name: getattr(numbers, name) for name in COLUMNS}
    marked = [f"{value}{ABOVE * (value > most.get(name, value))}" for name, value in values.items()]
    return [lesson.label, *marked, str(said_minutes(notebook) or "")]


def as_written(lesson: Lesson) -> NotebookNode:
    """The cells of the source, with the outputs of the built cells that are the same."""
    built = nbformat.read(lesson.notebook, as_version=4).cells if lesson.notebook.exists() else []
    outputs = {cell.id: cell.outputs for cell in built if cell.cell_type == "code"}
    notebook = read_source(lesson)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = outputs.get(cell.id, [])
    return notebook


def problems_with_rules(lessons: list[Lesson]) -> list[str]:
    """What the checks say of each lesson as it is written now; last, the lessons to build again."""
    problems = []
    for lesson in lessons:
        notebook = as_written(lesson)
        found = (problem for check in own_checks(lesson) for problem in check(lesson, notebook))
        problems += [f"{lesson.label}: {problem}" for problem in found]
    old = [lesson.label for lesson in lessons if reason_to_build(lesson)]
    return [*problems, *([f"Figures, printed lines and seconds may be old: {', '.join(old)}"] if old else [])]
