"""The cells of a notebook as a page shows them: moving labs, pictures with alt text, folded answers."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator

from nbformat import NotebookNode

from ..authoring.lessons import PREDICT, code_cells, tags
from .recordings import Shown, find_lab, markup

FOLDED_CODE, FOLDED_OUTPUT = "hide-input", "hide-output"  # MyST-NB's names


def fold(cells: Iterable[NotebookNode]) -> None:
    """Tag what is folded shut: hidden code; and outputs that answer a prediction, but no lab.

    A prediction is answered by the outputs between it and the next text.
    """
    predicted = False
    for cell in cells:
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata.tags = [*tags(cell), FOLDED_CODE]
        if cell.cell_type == "markdown":
            predicted = bool(PREDICT.search(cell.source))
        elif predicted and cell.get("outputs") and not find_lab(cell.source):
            cell.metadata.tags = [*tags(cell), FOLDED_OUTPUT]


def show_pictures(notebook: NotebookNode, recordings: str) -> None:
    """Turn the pictures into HTML. `recordings` is the address of the folder of the labs' recordings."""
    for cell in code_cells(notebook):
        shown = find_lab(cell.source)
        for output in filter(picture, cell.outputs):
            still = image(output)
            address = recordings and shown and f"{recordings}/{shown.lab}.js"
            output.data = {"text/html": markup(shown, still, address) if shown else still}
            output.metadata, shown = {}, None


def picture(output: NotebookNode) -> str | None:
    return output.get("data", {}).get("image/png")


def image(output: NotebookNode) -> str:
    alt = html.escape(output.metadata.get("image/png", {}).get("alt", ""))
    return f'<img alt="{alt}" src="data:image/png;base64,{"".join(picture(output).split())}">'


def labs_in(notebook: NotebookNode) -> Iterator[Shown]:
    """The labs that a notebook shows."""
    return filter(None, (find_lab(cell.source) for cell in code_cells(notebook) if cell.outputs))


def first_lab(notebook: NotebookNode) -> str | None:
    """The first lab of a prepared notebook, as HTML."""
    pages = (o.get("data", {}).get("text/html", "") for c in code_cells(notebook) for o in c.outputs)
    return next((page for page in pages if 'class="bnteach-lab"' in page), None)
