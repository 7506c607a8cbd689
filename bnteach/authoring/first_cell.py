"""The first code cell of what still has the form of the first edition: it says how to get bnteach."""

from __future__ import annotations

from collections.abc import Iterator

from nbformat import NotebookNode

from .lessons import Lesson, code_cells

FIRST_CELL = """\
try:
    import bnteach
except ImportError:
    raise ImportError(
        "This kernel cannot find the package bnteach. In a copy of the project, run  pip install -e .  in\\n"
        "its top folder and restart the kernel, or type  make lab  in a terminal there."
    ) from None"""


def begins_with_first_cell(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """The first code cell is the standard one."""
    first = next(iter(code_cells(notebook)), None)
    if first is None or first.source != FIRST_CELL:
        yield "the first code cell is not FIRST_CELL of bnteach/authoring/first_cell.py"
