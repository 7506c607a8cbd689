"""What the text of every lesson must keep: its goals, its time, its links.

A lesson opens with a list under the heading "What you will be able to do" and closes with the same list under
"What you can do now"; a point of the closing list may be ticked, and may go on to say what showed it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from nbformat import NotebookNode

from .lessons import Lesson, find_lessons

OPENING, CLOSING = "what you will be able to do", "what you can do now"
BULLET = re.compile(r"^\s*[-*]\s+(?:\[[ xX]\]\s*|[✓✔✅☑]\s*)?(?P<text>.+)$")
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:href|src)\s*=\s*[\"']([^\"']+)[\"']")
IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\(")
MINUTES = re.compile(r"\b(\d+)\s*min(?:utes)?\b", re.IGNORECASE)
FORMULA = re.compile(r"\$\$?[^$]*\$\$?")


def goals_open_and_close(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """The opening and the closing list name the same goals in the same order."""
    opening, closing = goals(notebook, OPENING), goals(notebook, CLOSING)
    if not opening:
        yield f'no list under the heading "{OPENING.capitalize()}"'
    if not closing:
        yield f'no list under the heading "{CLOSING.capitalize()}"'
    if opening and closing:
        if len(opening) != len(closing):
            yield f"opens with {len(opening)} goals and closes with {len(closing)}"
        for goal, end in zip(opening, closing, strict=False):
            if not end.startswith(goal.rstrip(".;,")):
                yield f"the goal {goal!r} is {end!r} at the end"


def goals(notebook: NotebookNode, heading: str) -> list[str]:
    """The bullets between a heading and the next one, white space made even."""
    found: list[str] = []
    inside = False
    for line in "\n\n".join(markdown(notebook)).splitlines():
        if line.startswith("#") or line.startswith("**"):
            inside = heading in line.lower()
        elif inside and (bullet := BULLET.match(line)):
            found.append(bullet["text"])
        elif inside and found and line.startswith("  ") and line.strip():
            found[-1] += " " + line
    return [" ".join(text.split()) for text in found]


def time_is_said(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """The first cell of text says how many minutes the lesson takes, and that fits what is reckoned."""
    said = MINUTES.search(next(markdown(notebook), ""))
    if not said:
        yield "the first cell of text does not say how many minutes the lesson takes"
    elif abs(int(said[1]) - (reckoned := reckoned_minutes(notebook))) > max(5, reckoned / 4):
        yield f"says {said[1]} minutes, but {reckoned:.0f} are reckoned from its words, code and labs"


def reckoned_minutes(notebook: NotebookNode) -> float:
    """A first reading: 130 words or 10 lines of code a minute, 1 minute for a prediction, 5 for a lab.

    No stopwatch stands behind these rates; they are what a slow, careful reader needs. A formula is one word.
    """
    text = "\n".join(markdown(notebook))
    words = len(re.findall(r"\w+", FORMULA.sub(" formula ", text)))
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    lines = sum(bool(line.strip()) for line in code.splitlines())
    labs = len(re.findall(r"\blabs\.[A-Z]", code))
    return words / 130 + lines / 10 + text.count("**Predict.**") + 5 * labs


def links_resolve(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """Every relative link leads to a file that is there, inside the project."""
    for target in sorted(set(relative_links(notebook))):
        path = (lesson.notebook.parent / unquote(target)).resolve()
        if not path.exists() or lesson.folder.resolve().parent not in path.parents:
            yield f"the link {target} leads nowhere"


def neighbors_are_linked(lesson: Lesson, notebook: NotebookNode) -> Iterator[str]:
    """The previous and the next lesson, where there is one, are linked."""
    names = [other.name for other in find_lessons(lesson.folder)]
    place = names.index(lesson.name)
    links = {Path(target).name for target in relative_links(notebook)}
    for word, other in (("previous", names[:place][-1:]), ("next", names[place + 1 :][:1])):
        if other and f"{other[0]}.ipynb" not in links:
            yield f"does not link the {word} lesson, {other[0]}.ipynb"


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
    goals_open_and_close,
    time_is_said,
    links_resolve,
    neighbors_are_linked,
    images_in_text_have_alt,
)


def markdown(notebook: NotebookNode) -> Iterator[str]:
    return (cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def relative_links(notebook: NotebookNode) -> Iterator[str]:
    """The targets of links and images that are files of the project, without their anchors."""
    for text in markdown(notebook):
        for match in LINK.finditer(text):
            target = (match[1] or match[2]).split("#")[0]
            if target and not re.match(r"[a-z][a-z0-9+.-]*:", target):
                yield target
