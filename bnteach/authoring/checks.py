"""What every built notebook must keep: in step with its source, executed in order, standard, small.

A check takes a lesson and its built notebook and yields problems in words; none means that all is well. The
checks of outputs are in `output_checks`, those of text in `prose_checks`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from itertools import groupby

import nbformat
from nbformat import NotebookNode

from .clean import statements_in
from .exercise_checks import EXERCISE_CHECKS
from .exercises import POINTS, SOLUTION, Solution, find_exercises
from .lessons import DRAWS, PLACES, Lesson, code_cells, find_lessons, kept, read_source, tags
from .output_checks import IGNORE_OUTPUT, OUTPUT_CHECKS, RAISES
from .prose_checks import PROSE_CHECKS
from .rules import RULES

MOST_BYTES = 300_000
MOST_CODE_CELLS_IN_A_ROW = 2
TAGS = {IGNORE_OUTPUT, RAISES, SOLUTION, DRAWS}


def problems_of_all(lessons: list[Lesson]) -> list[str]:
    """The problems of these lessons, and the notebooks in their folder that no source builds."""
    folder = lessons[0].folder
    sources = {lesson.notebook for lesson in (*find_lessons(folder), *find_exercises(folder))}
    built = (path for place in PLACES for path in sorted((folder / place).glob("*.ipynb")))
    orphans = [path.relative_to(folder).as_posix() for path in built if path not in sources]
    return [
        *(f"{name}: no source builds it" for name in orphans),
        *(problem for lesson in lessons for problem in problems_of(lesson)),
    ]


def problems_of(lesson: Lesson) -> list[str]:
    """The problems of one lesson, each a line that begins with the lesson's name."""
    if not lesson.notebook.exists():
        return [f"{lesson.label}: not built, run make notebooks"]
    notebook = nbformat.read(lesson.notebook, as_version=4)
    checks = (*NOTEBOOK_CHECKS, *OUTPUT_CHECKS, *own_checks(lesson))
    return [f"{lesson.label}: {problem}" for check in checks for problem in check(lesson, notebook)]


def own_checks(lesson: Lesson) -> tuple[Callable, ...]:
    """The checks of its kind: exercises, or lessons."""
    if isinstance(lesson, Solution):
        return EXERCISE_CHECKS
    return (*PROSE_CHECKS, *RULES)


def in_step(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """The cells are those of the source: type, text, tags, alt text."""
    ours = [(cell.cell_type, cell.source, kept(cell)) for cell in read_source(lesson).cells]
    built = [(cell.cell_type, cell.source, kept(cell)) for cell in notebook.cells]
    for number, (one, other) in enumerate(zip(ours, built, strict=False), start=1):
        if one != other:
            yield f"cell {number} differs from its source, run make notebooks"
    if len(ours) != len(built):
        yield f"has {len(built)} cells, its source has {len(ours)}, run make notebooks"


def executed_in_order(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """Code cells are numbered 1..n: strict nbval compares nothing in a cell without a number."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}, expected 1 to {len(counts)}"


def tags_are_known(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """No tag or comment keeps nbval from running a cell."""
    for number, cell in enumerate(notebook.cells, start=1):
        for tag in sorted(tag for tag in tags(cell) if tag not in TAGS and not POINTS.match(tag)):
            yield f"cell {number} has the unknown tag {tag}"
        if cell.cell_type == "code" and re.search(r"#\s*(NBVAL_|PYTEST_VALIDATE)", cell.source):
            yield f"cell {number} steers nbval by a comment; use a tag"


def small_enough(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """The file stays under 300 kB, the still images of labs included."""
    size = lesson.notebook.stat().st_size
    if size > MOST_BYTES:
        yield f"{size / 1000:.0f} kB, at most {MOST_BYTES / 1000:.0f} kB"


def few_code_cells_in_a_row(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """After two code cells comes a word."""
    number = 1
    for kind, run in groupby(cell.cell_type for cell in notebook.cells):
        length = len(list(run))
        if kind == "code" and length > MOST_CODE_CELLS_IN_A_ROW:
            yield f"{length} code cells in a row from cell {number}, at most {MOST_CODE_CELLS_IN_A_ROW}"
        number += length


def asserts_print_nothing(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """An assert calls no function that prints: the student's copy leaves out asserts."""
    statements = [statement for cell in code_cells(notebook) for statement in statements_in(cell.source)]
    printing = {s.name for s in statements if isinstance(s, ast.FunctionDef) and "print" in calls_in(s)}
    for statement in statements:
        if isinstance(statement, ast.Assert) and (called := calls_in(statement) & printing):
            yield f"an assert calls {min(called)}, which prints; call it before"


def calls_in(tree: ast.AST) -> set[str]:
    """The names that are called."""
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {function.id for function in calls if isinstance(function, ast.Name)}


NOTEBOOK_CHECKS = (
    asserts_print_nothing,
    in_step,
    executed_in_order,
    tags_are_known,
    small_enough,
    few_code_cells_in_a_row,
)
