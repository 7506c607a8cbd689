"""What every built notebook must keep: in step with its source, executed in order, clean, described.

Each check takes a lesson and its built notebook and yields problems in words; none means that all is well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

import nbformat
from nbformat import NotebookNode

from .clean import WIDGET_VIEW
from .first_cell import FIRST_CELL
from .lessons import Lesson, find_lessons, read_source
from .prose_checks import PROSE_CHECKS

MOST_BYTES = 300_000
MOST_CODE_CELLS_IN_A_ROW = 2
IGNORE_OUTPUT, RAISES = "nbval-ignore-output", "raises-exception"
TAGS = {IGNORE_OUTPUT, RAISES}
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|Users|tmp|usr|opt|work|var)/\S*|\b[A-Z]:\\Users\\\S*")
IMAGES = ("image/png", "image/jpeg", "image/svg+xml")


def problems_of_all(lessons: list[Lesson]) -> list[str]:
    """The problems of these lessons, and the notebooks in their folder that no source builds."""
    folder = lessons[0].folder
    sources = {lesson.name for lesson in find_lessons(folder)}
    orphans = [path.name for path in sorted(folder.glob("*.ipynb")) if path.stem not in sources]
    return [
        *(f"{name}: no source builds it" for name in orphans),
        *(problem for lesson in lessons for problem in problems_of(lesson)),
    ]


def problems_of(lesson: Lesson) -> list[str]:
    """The problems of one lesson, each a line that begins with the lesson's name."""
    if not lesson.notebook.exists():
        return [f"{lesson.name}: not built, run make notebooks"]
    notebook = nbformat.read(lesson.notebook, as_version=4)
    checks = (*NOTEBOOK_CHECKS, *PROSE_CHECKS)
    return [f"{lesson.name}: {problem}" for check in checks for problem in check(lesson, notebook)]


def in_step(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """The cells are those of the source: type, text and tags."""
    ours = [(cell.cell_type, cell.source, tags(cell)) for cell in read_source(lesson).cells]
    built = [(cell.cell_type, cell.source, tags(cell)) for cell in notebook.cells]
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


def begins_with_first_cell(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """The first code cell is the standard one."""
    first = next(iter(code_cells(notebook)), None)
    if first is None or first.source != FIRST_CELL:
        yield "the first code cell is not FIRST_CELL of bnteach/authoring/first_cell.py"


def errors_are_meant(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """A cell holds an error when it is tagged raises-exception, and only then; stderr stays empty."""
    for number, cell in numbered_code_cells(notebook):
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed != (RAISES in tags(cell)):
            yield f"cell {number} {'failed' if failed else 'did not raise, though tagged ' + RAISES}"
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"cell {number} writes to stderr (a warning, or a progress bar that is not a widget)"


def tags_are_known(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """No tag or comment keeps nbval from running a cell."""
    for number, cell in enumerate(notebook.cells, start=1):
        for tag in sorted(set(tags(cell)) - TAGS):
            yield f"cell {number} has the unknown tag {tag}"
        if cell.cell_type == "code" and re.search(r"#\s*(NBVAL_|PYTEST_VALIDATE)", cell.source):
            yield f"cell {number} steers nbval by a comment; use a tag"


def metadata_is_clean(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """No widget state or view, no times: tags and alt text are all the metadata there is."""
    if set(notebook.metadata) - {"kernelspec", "language_info"}:
        yield f"notebook metadata: {sorted(notebook.metadata)}, expected kernelspec and language_info"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "its kernel is not python3"
    for number, cell in enumerate(notebook.cells, start=1):
        if set(cell.metadata) - {"tags"}:
            yield f"cell {number} has metadata {sorted(cell.metadata)}, expected tags alone"
        if any(WIDGET_VIEW in output.get("data", {}) for output in cell.get("outputs", [])):
            yield f"cell {number} holds a widget view, which shows as an error when no kernel runs"


def images_have_alt(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """Every image says in its metadata what it shows: {"image/png": {"alt": "..."}}."""
    for number, cell in numbered_code_cells(notebook):
        for output in cell.outputs:
            for kind in set(IMAGES) & set(output.get("data", {})):
                if not str(output.metadata.get(kind, {}).get("alt", "")).strip():
                    yield f"cell {number} shows an image without alt text: bnteach.figures.show(..., alt=...)"


def nothing_of_this_machine(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """Outputs that strict nbval compares hold no memory addresses; none holds a path of the machine."""
    for number, cell in numbered_code_cells(notebook):
        text = "\n".join(texts(cell))
        if IGNORE_OUTPUT not in tags(cell) and re.search(r"\bat 0x[0-9a-f]{6,}", text):
            yield f"cell {number} prints a memory address"
        if found := re.search(MACHINE_PATH, text):
            yield f"cell {number} prints a path of the machine: {found.group()}"


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


NOTEBOOK_CHECKS = (
    in_step,
    executed_in_order,
    begins_with_first_cell,
    errors_are_meant,
    tags_are_known,
    metadata_is_clean,
    images_have_alt,
    nothing_of_this_machine,
    small_enough,
    few_code_cells_in_a_row,
)


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def numbered_code_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """Code cells with their place among all cells, counted from 1."""
    return [(n, cell) for n, cell in enumerate(notebook.cells, start=1) if cell.cell_type == "code"]


def texts(cell: NotebookNode) -> Iterator[str]:
    """Every text among the outputs of a cell."""
    for output in cell.outputs:
        yield str(output.get("text", ""))
        yield from (str(line) for line in output.get("traceback", []))
        yield from (str(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/"))
