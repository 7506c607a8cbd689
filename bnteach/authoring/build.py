"""Builds notebooks: reads the source, runs it, cleans it, saves it."""

from __future__ import annotations

import time

import nbformat
from nbformat import NotebookNode

from .clean import clean
from .execute import execute
from .freshness import reason_to_build, record_build
from .lessons import Lesson, read_source
from .outputs import write_all


def build_all(lessons: list[Lesson], force: bool = False) -> int:
    """Build the lessons that changed (all of them with `force`), saying why and how long each took.

    Returns the number of lessons built. A lesson whose cell fails raises LessonError; its old notebook stays.
    """
    begin, built = time.perf_counter(), 0
    for lesson in lessons:
        why = "asked for" if force else reason_to_build(lesson)
        if why is None:
            print(f"{lesson.label}: up to date")
            continue
        print(f"{lesson.label}: {why}, building", flush=True)
        print(f"{lesson.label}: built in {build(lesson):.1f} s", flush=True)
        built += 1
    print(f"{built} of {len(lessons)} lessons built, {time.perf_counter() - begin:.1f} s in total")
    return built


def build(lesson: Lesson) -> float:
    """Build one lesson and return how many seconds its cells took."""
    notebook = read_source(lesson)
    begin = time.perf_counter()
    execute(lesson, notebook)
    seconds = time.perf_counter() - begin
    clean(notebook)
    write_all({lesson.notebook: text_of(notebook)})
    record_build(lesson, seconds)
    return seconds


def text_of(notebook: NotebookNode) -> str:
    """A valid notebook as the text of its file."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"
