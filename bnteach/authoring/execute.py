"""Runs a lesson's cells in order, with a progress bar, and says in which source line a cell failed."""

from __future__ import annotations

import re

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from .clean import COLOR
from .lessons import Lesson, source_lines

SECONDS_A_CELL = 300
FRAME = re.compile(r"Cell In\[(\d+)\], line (\d+)")


class LessonError(Exception):
    """A lesson could not be built; the message names the lesson, the cell and the source line."""


def execute(lesson: Lesson, notebook: NotebookNode) -> None:
    """Run every cell in a fresh kernel, in the notebook's folder, and keep outputs and counts in the cells.

    Raises LessonError when a cell raises (unless it is tagged raises-exception), takes more than
    SECONDS_A_CELL seconds, or ends its kernel.
    """
    running = [0]

    def starts(cell: NotebookNode, cell_index: int) -> None:
        running.append(cell_index)
        bar.update()

    with tqdm(total=len(notebook.cells), desc=lesson.label, unit="cell", leave=False) as bar:
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str(lesson.notebook.parent)}},
            timeout=SECONDS_A_CELL,
            coalesce_streams=True,
            record_timing=False,
            store_widget_state=False,
            on_cell_start=starts,
        )
        try:
            lesson.notebook.parent.mkdir(exist_ok=True)
            client.execute()
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise LessonError(where(lesson, notebook, running[-1]) + ": " + what(error)) from error


def where(lesson: Lesson, notebook: NotebookNode, index: int) -> str:
    """The place of a failed cell, as lesson, cell (counted from 1) and source line."""
    line = source_lines(lesson)[index] + failing_line(notebook.cells[index]) - 1
    return f"lesson {lesson.label}, cell {index + 1}, {lesson.source.name} line {line}"


def failing_line(cell: NotebookNode) -> int:
    """The line inside the cell at which its own code stopped; 1 if the traceback does not say."""
    trace = "\n".join(line for output in cell.get("outputs", []) for line in output.get("traceback", []))
    frames = FRAME.findall(COLOR.sub("", trace))
    lines = [int(line) for count, line in frames if int(count) == cell.execution_count]
    return lines[-1] if lines else 1


def what(error: Exception) -> str:
    """What went wrong, in a line."""
    if isinstance(error, CellExecutionError):
        return f"{error.ename}: {error.evalue}"
    if isinstance(error, CellTimeoutError):
        return f"the cell took more than {SECONDS_A_CELL} seconds"
    return "the kernel died"
