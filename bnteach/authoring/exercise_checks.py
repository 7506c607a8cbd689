"""What the exercises must keep: time and difficulty said, hints, a check in the cell, a right solution."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from nbformat import NotebookNode

from .exercises import BLOCK, SOLUTION, Exercise, Solution, checked
from .lessons import code_cells, raw_cells, tags
from .numbers import lines
from .output_checks import numbered_code_cells, texts
from .prose_checks import images_in_text_have_alt, links_resolve, markdown
from .rules import first_code_imports

FEWEST_CELLS, MOST_CELLS = 9, 16
MOST_IMPORTS = 3
TIME_AND_DIFFICULTY = re.compile(r"\*\d+ minutes · difficulty: [1-4] of 4\*")
HINTS = 3


def begins_with_imports(exercise: Solution, notebook: NotebookNode) -> Iterator[str]:
    """The first code cell imports, in three lines at most."""
    yield from first_code_imports(exercise, notebook)
    first = next(iter(code_cells(notebook)), None)
    if first and lines(first.source) > MOST_IMPORTS:
        yield f"imports: {lines(first.source)} lines in the first code cell, at most {MOST_IMPORTS}"


def number_of_cells(exercise: Solution, notebook: NotebookNode) -> Iterator[str]:
    """A sitting's worth: 9 to 16 cells, explanations not counted."""
    cells = [c for c in notebook.cells if c.cell_type == "code" or SOLUTION not in tags(c)]
    if not FEWEST_CELLS <= len(cells) <= MOST_CELLS:
        yield f"has {len(cells)} cells, expected {FEWEST_CELLS} to {MOST_CELLS}"


def each_exercise_is_complete(exercise: Solution, notebook: NotebookNode) -> Iterator[str]:
    """A solution cell ends with its check; the text before it says minutes and difficulty, and has hints."""
    task = ""
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "markdown" and SOLUTION not in tags(cell):
            task += "\n" + cell.source
        elif cell.cell_type == "code" and SOLUTION in tags(cell):
            if not checked(cell):
                yield f"cell {number}: its last line is not check.NAME(function)"
            if not TIME_AND_DIFFICULTY.search(task):
                yield f"cell {number}: no line *10 minutes · difficulty: 2 of 4* before it"
            if task.count("<details>") < HINTS:
                yield f"cell {number}: fewer than {HINTS} hints in <details> before it"
            task = ""


def solutions_are_explained(exercise: Solution, notebook: NotebookNode) -> Iterator[str]:
    """In the solutions every solution is followed by its explanation; in the exercises there is none."""
    explained = sum(c.cell_type == "markdown" and SOLUTION in tags(c) for c in notebook.cells)
    solved = sum(SOLUTION in tags(c) for c in code_cells(notebook))
    expected = 0 if isinstance(exercise, Exercise) else solved
    if explained != expected:
        yield f"has {explained} cells that explain solutions, expected {expected}"


def what_is_erased_is_graded(exercise: Solution, notebook: NotebookNode) -> Iterator[str]:
    """Solutions are marked in tagged cells alone, and no two cells have the same check: nbgrader's id."""
    checks: Counter[str] = Counter()
    for cell in (cell for cell in raw_cells(exercise) if cell.cell_type == "code"):
        if SOLUTION in tags(cell):
            checks.update([match["check"]] if (match := checked(cell)) else [])
        elif BLOCK.search(cell.source):
            first = cell.source.partition("\n")[0]
            yield f"the cell that begins with {first!r} has a solution, but not the tag {SOLUTION}"
    yield from (f"check.{name} is in {times} cells" for name, times in checks.items() if times > 1)


def no_solution_is_left(exercise: Solution, notebook: NotebookNode) -> Iterator[str]:
    """No code and no output of the exercises has a solution, whole and word for word."""
    if not isinstance(exercise, Exercise):
        return
    answers = [
        stripped(match["answer"]) for cell in raw_cells(exercise) for match in BLOCK.finditer(cell.source)
    ]
    for number, cell in numbered_code_cells(notebook):
        shown = stripped("\n".join([cell.source, *texts(cell)]))
        if any(answer in shown for answer in answers):
            yield f"cell {number} shows a solution"


def stripped(text: str) -> str:
    """The text without empty lines and indentation, between line ends."""
    return "\n" + "".join(f"{line.strip()}\n" for line in text.splitlines() if line.strip())


def verdicts_are_right(exercise: Solution, notebook: NotebookNode) -> Iterator[str]:
    """Every check says "passed" in the solutions and "not attempted" in the exercises."""
    wanted = "not attempted" if isinstance(exercise, Exercise) else "passed"
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code" and SOLUTION in tags(cell) and not any(wanted in t for t in texts(cell)):
            yield f"cell {number}: its check does not say {wanted}"


def leads_back(exercise: Solution, notebook: NotebookNode) -> Iterator[str]:
    """The first text links the lesson."""
    if f"(../{exercise.name}.ipynb)" not in next(markdown(notebook), ""):
        yield f"does not link its lesson, ../{exercise.name}.ipynb"


EXERCISE_CHECKS = (
    begins_with_imports,
    number_of_cells,
    each_exercise_is_complete,
    solutions_are_explained,
    what_is_erased_is_graded,
    no_solution_is_left,
    verdicts_are_right,
    leads_back,
    links_resolve,
    images_in_text_have_alt,
)
