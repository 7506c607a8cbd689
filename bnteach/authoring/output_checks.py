"""What the outputs of every built notebook must keep: no error but a meant one, every image described."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from .clean import WIDGET_VIEW
from .lessons import KEPT, Lesson, tags

IGNORE_OUTPUT, RAISES = "nbval-ignore-output", "raises-exception"
IMAGES = ("image/png", "image/jpeg", "image/svg+xml")
ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")
MACHINE_PATH = re.compile(r"(?<![\w.~/])(/\w[\w.-]*/|\b[A-Z]:\\)[\w.-]+\S*")


def errors_are_meant(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """A cell holds an error when it is tagged raises-exception, and only then; stderr stays empty."""
    for number, cell in numbered_code_cells(notebook):
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed != (RAISES in tags(cell)):
            yield f"cell {number} {'failed' if failed else 'did not raise, though tagged ' + RAISES}"
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"cell {number} writes to stderr (a warning, or a progress bar that is not a widget)"


def metadata_is_clean(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """No widget state or view, no times: tags, alt text and folded code are all the metadata there is."""
    if set(notebook.metadata) - {"kernelspec", "language_info"}:
        yield f"notebook metadata: {sorted(notebook.metadata)}, expected kernelspec and language_info"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "its kernel is not python3"
    for number, cell in enumerate(notebook.cells, start=1):
        if more := sorted(set(cell.metadata) - set(KEPT)):
            yield f"cell {number} has metadata {more}, expected {', '.join(KEPT)} alone"
        if any(WIDGET_VIEW in output.get("data", {}) for output in cell.get("outputs", [])):
            yield f"cell {number} holds a widget view, which shows as an error when no kernel runs"


def images_have_alt(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """Every image says in its metadata what it shows: {"image/png": {"alt": "..."}}."""
    for number, cell in numbered_code_cells(notebook):
        alts = [output.metadata.get(kind, {}).get("alt") for output, kind in images(cell)]
        if not all(str(alt or "").strip() for alt in alts):
            yield f'cell {number} shows an image without alt text: # %% alt="what the picture shows"'
        if (alt := cell.metadata.get("alt")) and alt not in alts:
            yield f"cell {number} has an alt text that none of its images takes"


def images(cell: NotebookNode) -> Iterator[tuple[NotebookNode, str]]:
    """The outputs of a cell that hold an image, each with the image's kind."""
    for output in cell.outputs:
        yield from ((output, kind) for kind in IMAGES if kind in output.get("data", {}))


def nothing_of_this_machine(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """Outputs that strict nbval compares hold no memory addresses; none holds a path of the machine."""
    for number, cell in numbered_code_cells(notebook):
        text = "\n".join(texts(cell))
        if IGNORE_OUTPUT not in tags(cell) and ADDRESS.search(text):
            yield f"cell {number} prints a memory address"
        if found := MACHINE_PATH.search(text):
            yield f"cell {number} prints a path of the machine: {found.group()}"


OUTPUT_CHECKS = (
    errors_are_meant,
    metadata_is_clean,
    images_have_alt,
    nothing_of_this_machine,
)


def numbered_code_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """Code cells with their place among all cells, counted from 1."""
    return [(n, cell) for n, cell in enumerate(notebook.cells, start=1) if cell.cell_type == "code"]


def texts(cell: NotebookNode) -> Iterator[str]:
    """Every text among the outputs of a cell."""
    for output in cell.outputs:
        yield str(output.get("text", ""))
        yield from (str(line) for line in output.get("traceback", []))
        yield from (str(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/"))
