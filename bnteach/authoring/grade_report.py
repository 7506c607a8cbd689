"""Grades as a table to read, and as a CSV file."""

from __future__ import annotations

import csv
import io
from itertools import groupby
from unicodedata import east_asian_width

from .grade import Grade


def as_table(grades: list[Grade]) -> str:
    """A table a lesson, notebooks by exercises; then the notebooks that did not run to the end, and why."""
    exercises = sorted((grade for grade in grades if grade.exercise), key=lambda grade: grade.lesson)
    tables = [
        lesson_table(lesson, list(rows)) for lesson, rows in groupby(exercises, lambda grade: grade.lesson)
    ]
    notes = [f"{grade.notebook}: {grade.state}: {grade.detail}" for grade in grades if not grade.exercise]
    return "\n\n".join([*tables, *(["\n".join(notes)] if notes else [])])


def lesson_table(lesson: str, grades: list[Grade]) -> str:
    """A row a notebook, a column an exercise."""
    rows = []
    for notebook, found in groupby(grades, lambda grade: grade.notebook):
        row = list(found)
        passed = sum(grade.state == "passed" for grade in row)
        states = [f"{grade.state}{f': {grade.detail}' * bool(grade.detail)}" for grade in row]
        rows.append([notebook, *states, f"{passed} of {len(row)}"])
    head = [lesson, *(grade.exercise for grade in grades[: len(rows[0]) - 2]), "passed"]
    return aligned([head, *rows])


def aligned(rows: list[list[str]]) -> str:
    """Rows as lines whose columns stand below each other."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(text + " " * (wide - width(text)) for text, wide in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def width(text: str) -> int:
    """How many columns of a terminal a text takes; Chinese characters take two."""
    return sum(1 + (east_asian_width(character) in "WF") for character in text)


def as_csv(grades: list[Grade]) -> str:
    """A line an exercise, or a thing that went wrong; Excel knows by the first character that it is UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([Grade._fields, *grades])
    return "\ufeff" + text.getvalue()
