"""What the text of every lesson must keep: links that lead somewhere, images with alt text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from nbformat import NotebookNode

from .lessons import Lesson, find_lessons

LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:href|src)\s*=\s*[\"']([^\"']+)[\"']")
IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\(")


def links_resolve(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """Every relative link leads to a file that is there, inside the project."""
    for target in sorted(set(relative_links(notebook))):
        path = (lesson.notebook.parent / unquote(target)).resolve()
        if not path.exists() or lesson.folder.resolve().parent not in path.parents:
            yield f"the link {target} leads nowhere"


def neighbors_are_linked(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """The previous and the next lesson, where there is one, are linked."""
    links = {Path(target).name for target in relative_links(notebook)}
    for word, other in zip(("previous", "next"), neighbors(lesson), strict=True):
        if other and f"{other}.ipynb" not in links:
            yield f"does not link the {word} lesson, {other}.ipynb"


def neighbors(lesson: Lesson) -> tuple[str | None, str | None]:
    """The names of the previous and of the next numbered lesson; a deeper one has none."""
    names = [None, *(other.name for other in find_lessons(lesson.folder) if not other.place), None]
    if lesson.place:
        return None, None
    place = names.index(lesson.name)
    return names[place - 1], names[place + 1]


def images_in_text_have_alt(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """Images in the text have alt text too."""
    text = "\n".join(markdown(notebook))
    without = [match for match in IMAGE.finditer(text) if not match["alt"].strip()]
    without += [
        tag for tag in re.findall(r"<img\b[^>]*>", text) if not re.search(r"alt\s*=\s*[\"'][^\"']", tag)
    ]
    if without:
        yield f"{len(without)} images in the text have no alt text"


PROSE_CHECKS = (
    links_resolve,
    neighbors_are_linked,
    images_in_text_have_alt,
)


def markdown(notebook: NotebookNode) -> Iterator[str]:
    return (cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def relative_links(notebook: NotebookNode) -> Iterator[str]:
    """The targets of links and images that are files of the project, without their anchors."""
    for text in markdown(notebook):
        yield from links_in(text)


def links_in(text: str) -> Iterator[str]:
    for match in LINK.finditer(text):
        target = (match[1] or match[2]).split("#")[0]
        if target and not re.match(r"[a-z][a-z0-9+.-]*:", target):
            yield target
