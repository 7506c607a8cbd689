"""The rules of a lesson: it fits the hour, begins at once, and says at the end what was shown.

Deeper lessons keep them too, but for the number of cells and words.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from .lessons import Lesson, code_cells
from .numbers import LAB, MINUTES, lines, numbers_of, said_minutes
from .output_checks import numbered_code_cells, texts
from .prose_checks import links_in, neighbors

MOST = {"cells": 32, "words": 1600, "code": 120, "draws": 40, "figures": 4, "labs": 2, "minutes": 45}
MOST_DEEPER = {rule: most for rule, most in MOST.items() if rule not in ("cells", "words")}
MOST_IMPORTS = 6
MOST_SENTENCES = 3
STEP, TOLERANCE = 5, 3  # minutes; half a step, and what another computer needs more or less

LIST = re.compile(r"^ *(?:[-*+]|\d+\.) ", re.MULTILINE)
NO_SENTENCE = re.compile(r"^(?:[#|>!<*].*|`[^`]*`|\$\$.*)$", re.DOTALL)
INLINE = re.compile(r"`[^`]*`|\$[^$]*\$")
SENTENCE_END = re.compile(r"[.!?][\"”’)*_]*(?=\s|$)")
TRUTH = re.compile(r"(?:\s*\b(?:np\.)?(?:True|False)_?\s*)+")
A_LESSON = re.compile(r"\.\./\d\d\w*\.ipynb")


def short_enough(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """Not more of anything than fits the hour; at least one lab, here or in another part of the lesson."""
    numbers = numbers_of(lesson, notebook)
    for rule, most in most_of(lesson).items():
        if getattr(numbers, rule) > most:
            yield f"{rule}: {getattr(numbers, rule)}, at most {most}"
    if not lesson.place and not has_lab(lesson):
        yield "labs: 0, at least 1"


def has_lab(lesson: Lesson) -> bool:
    """Whether a lesson or one with the same number has a lab: 13b may have that of 13."""
    parts = lesson.source.parent.glob(f"{lesson.name[:2]}*.py")
    return any(LAB.search(part.read_text(encoding="utf-8")) for part in parts)


def most_of(lesson: Lesson) -> dict[str, int]:
    return MOST_DEEPER if lesson.place else MOST


def minutes_are_said(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """The first cell of text says the minutes that are reckoned, rounded to five."""
    said, reckoned = said_minutes(notebook), numbers_of(lesson, notebook).minutes
    if said is None or said % STEP or abs(said - reckoned) > TOLERANCE:
        rounded = max(STEP, STEP * round(reckoned / STEP))
        yield f"minutes: says {said or 'none'}, reckoned {reckoned}: say {rounded} minutes in the first cell"


def first_code_imports(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """The first code cell imports, in a few lines, and nothing else; no cell guards an import."""
    first = next(iter(code_cells(notebook)), None)
    code = first.source if first else ""
    if not all(isinstance(line, (ast.Import, ast.ImportFrom)) for line in ast.parse(code).body):
        yield "imports: the first code cell does more than import"
    if lines(code) > MOST_IMPORTS:
        yield f"imports: {lines(code)} lines in the first code cell, at most {MOST_IMPORTS}"
    for number, cell in numbered_code_cells(notebook):
        if "ImportError" in cell.source:
            yield f"imports: cell {number} guards an import"


def no_bare_truth(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """A cell shows a number, and asserts what the text claims: True alone shows nothing."""
    for number, cell in numbered_code_cells(notebook):
        if TRUTH.fullmatch("\n".join(texts(cell))):
            yield f"truth: cell {number} shows only True or False"


def opens_at_once(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """Before the first code cell: three sentences, and no list."""
    kinds = [cell.cell_type for cell in notebook.cells]
    opening = text_of(notebook.cells[: kinds.index("code") if "code" in kinds else None])
    if LIST.search(opening):
        yield "opening: a list before the first code cell"
    if (count := sentences(opening)) > MOST_SENTENCES:
        yield f"opening: {count} sentences before the first code cell, at most {MOST_SENTENCES}"


def sentences(text: str) -> int:
    """How many sentences a text has; headings, tables, formulas, and lines all in italics have none."""
    without_headings = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    paragraphs = (part.strip() for part in without_headings.split("\n\n"))
    prose = (INLINE.sub("x", part) for part in paragraphs if not NO_SENTENCE.match(part))
    return sum(len(SENTENCE_END.findall(part)) for part in prose)


def ends_with_what_is_next(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """After the last code cell: the exercise, its minutes, the next lesson; a deeper one leads back."""
    kinds = [cell.cell_type for cell in notebook.cells]
    end = text_of(notebook.cells[len(kinds) - kinds[::-1].index("code") if "code" in kinds else 0 :])
    targets = list(links_in(end))
    if not end.strip():
        yield "end: no text after the last code cell"
    if lesson.place and not any(A_LESSON.fullmatch(target) for target in targets):
        yield "end: does not link a lesson, such as ../01_measure_a_batch.ipynb"
    if (lesson.folder / "source" / "exercises" / lesson.source.name).exists() and not lesson.place:
        if f"exercises/{lesson.name}.ipynb" not in targets:
            yield f"end: does not link the exercise, exercises/{lesson.name}.ipynb"
        if not MINUTES.search(end):
            yield "end: does not say the minutes of the exercise"
    if (following := neighbors(lesson)[1]) and f"{following}.ipynb" not in targets:
        yield f"end: does not link the next lesson, {following}.ipynb"


def text_of(cells: list[NotebookNode]) -> str:
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


RULES = (
    short_enough,
    minutes_are_said,
    first_code_imports,
    no_bare_truth,
    opens_at_once,
    ends_with_what_is_next,
)
