"""What a lesson asks of its reader, in numbers: words, lines of code, formulas, minutes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbformat import NotebookNode

from .freshness import running_seconds
from .lessons import DRAWS, PREDICT, Lesson, code_cells, tags
from .output_checks import images
from .prose_checks import IMAGE, markdown

MINUTES = re.compile(r"\b(\d+)\s*min(?:utes)?\b", re.IGNORECASE)
DISPLAYED = re.compile(r"\$\$.+?\$\$", re.DOTALL)
LAB = re.compile(r"\blabs\.[A-Z]")
# What is written in Markdown, and what stands on the page.
ON_THE_PAGE = (
    (DISPLAYED, ""),
    (re.compile(r"\$[^$]+\$"), "formula"),
    (re.compile(r"!\[[^\]]*\]\([^)]*\)"), ""),
    (re.compile(r"\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"</?[a-z][^>]*>"), " "),
)


@dataclass(frozen=True)
class Numbers:
    """The numbers of a lesson. A formula within a line is one word."""

    cells: int
    words: int
    code: int
    draws: int
    figures: int
    labs: int
    formulas: int
    printed: int
    predictions: int
    seconds: int

    @property
    def minutes(self) -> int:
        """No stopwatch stands behind these rates; with them, readers' own estimates are met."""
        reading = self.words / 100 + self.code / 8 + self.formulas + self.printed / 15
        return round(reading + 1.5 * self.predictions + 5 * self.labs + self.seconds / 60)


def numbers_of(lesson: Lesson, notebook: NotebookNode) -> Numbers:
    """The numbers of a built notebook."""
    code = code_cells(notebook)
    text = "\n\n".join(markdown(notebook))
    return Numbers(
        cells=len(notebook.cells),
        words=words(text),
        code=sum(lines(cell.source) for cell in code if DRAWS not in tags(cell)),
        draws=sum(lines(cell.source) for cell in code if DRAWS in tags(cell)),
        figures=sum(map(figures, code)) + len(IMAGE.findall(text)),
        labs=sum(len(LAB.findall(cell.source)) for cell in code),
        formulas=len(DISPLAYED.findall(text)),
        printed=sum(map(printed, code)),
        predictions=len(PREDICT.findall(text)),
        seconds=running_seconds(lesson),
    )


def words(text: str) -> int:
    for written, shown in ON_THE_PAGE:
        text = written.sub(shown, text)
    return sum(bool(re.search(r"\w", word)) for word in text.split())


def lines(text: str) -> int:
    return sum(bool(line.strip()) for line in text.splitlines())


def figures(cell: NotebookNode) -> int:
    """The images that a cell shows; that of a lab is no figure."""
    return 0 if LAB.search(cell.source) else len(list(images(cell)))


def printed(cell: NotebookNode) -> int:
    """The lines of text that a cell shows; the words of an image are not among them."""
    pictures = [output for output, _ in images(cell)]
    shown = [output for output in cell.outputs if output not in pictures]
    return sum(
        lines(output.get("text", "") + output.get("data", {}).get("text/plain", "")) for output in shown
    )


def said_minutes(notebook: NotebookNode) -> int | None:
    """The minutes that the first cell of text says."""
    said = MINUTES.search(next(markdown(notebook), ""))
    return int(said[1]) if said else None
