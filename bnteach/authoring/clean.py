"""Takes out of an executed notebook what changes between runs or machines and means nothing."""

from __future__ import annotations

import ast
import re

from nbformat import NotebookNode

from .lessons import code_cells, kept

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
PNG = "image/png"
SHOWN = (PNG, "image/jpeg", "image/svg+xml", "text/html", "text/markdown", "text/latex")
IMAGE_METADATA = ("alt", "width", "height")
COLOR = re.compile(r"\x1b\[[0-9;]*m")


def clean(notebook: NotebookNode) -> None:
    """Clean an executed notebook in place.

    Kept: sources, tags, ids, execution counts, outputs, and the alt text and size of images. The alt text in
    a cell's metadata goes into its picture. Taken out: times, the version of Python, what libraries add to a
    traceback, widget state and widget views (a view without its state shows as an error in JupyterLab and
    makes GitHub refuse the notebook; the still image beside it stays).
    """
    notebook.metadata = {
        "kernelspec": notebook.metadata["kernelspec"],
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = kept(cell)
        if cell.cell_type == "code":
            cell.outputs = [clean_output(output) for output in cell.outputs if not is_bare_widget(output)]
            describe_picture(cell)


def clear_answers(notebook: NotebookNode) -> None:
    """Take out what would answer a question before it is thought about: outputs, and asserts.

    With its asserts a lesson is held to its words when it is built; a student learns nothing from them.
    """
    only_asserts = []
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
        cell.metadata.pop("alt", None)
        rest = without_asserts(cell.source)
        only_asserts += [cell] * bool(cell.source and not rest)
        cell.source = rest
    notebook.cells = [cell for cell in notebook.cells if cell not in only_asserts]


def without_asserts(source: str) -> str:
    """The source without the asserts that stand alone; unchanged where it is not plain Python."""
    lines = source.splitlines()
    for statement in reversed(statements_in(source)):
        if isinstance(statement, ast.Assert):
            del lines[statement.lineno - 1 : statement.end_lineno]
    return "\n".join(lines).rstrip()


def statements_in(source: str) -> list[ast.stmt]:
    """The statements of a cell; none where it is not plain Python."""
    try:
        return ast.parse(source).body
    except SyntaxError:
        return []


def is_bare_widget(output: NotebookNode) -> bool:
    """True for a widget with nothing to see once it is not running, such as a progress bar."""
    data = output.get("data", {})
    return WIDGET_VIEW in data and not any(kind in data for kind in SHOWN)


def clean_output(output: NotebookNode) -> NotebookNode:
    """An output without widget view, its own traceback alone, and no metadata but that of images."""
    if "data" in output:
        output.data.pop(WIDGET_VIEW, None)
        output.metadata = {
            kind: {name: value for name, value in about.items() if name in IMAGE_METADATA}
            for kind, about in output.metadata.items()
            if kind.startswith("image/")
        }
    if "traceback" in output:
        output.traceback = own_frames(output.traceback)
    return output


def describe_picture(cell: NotebookNode) -> None:
    """Put the cell's alt text into its picture, the first if there are several."""
    pictures = (output for output in cell.outputs if PNG in output.get("data", {}))
    if "alt" in cell.metadata and (output := next(pictures, None)):
        output.metadata.setdefault(PNG, {})["alt"] = cell.metadata["alt"]
        # The kernel says "Figure" alone; tests/notebooks/sanitize.cfg makes the two equal for nbval.
        output.data["text/plain"] = f"Figure: {cell.metadata['alt']}"


def own_frames(traceback: list[str]) -> list[str]:
    """The traceback without the frames inside libraries: they carry paths and change with each version."""
    return [part for part in traceback if not COLOR.sub("", part).startswith("File ")]
