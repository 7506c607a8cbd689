"""What lessons in the form of the first edition must keep. Delete this file with the last of them.

Such a lesson opens with a list under the heading "What you will be able to do" and closes with the same list
under "What you can do now"; a point of the closing list may be ticked, and may go on to say what showed it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from .first_cell import begins_with_first_cell
from .lessons import Lesson
from .numbers import MINUTES
from .prose_checks import markdown

FIRST_EDITION = ("09", "11")

OPENING, CLOSING = "what you will be able to do", "what you can do now"
BULLET = re.compile(r"^\s*[-*]\s+(?:\[[ xX]\]\s*|[✓✔✅☑]\s*)?(?P<text>.+)$")
FORMULA = re.compile(r"\$\$?[^$]*\$\$?")


def is_first_edition(lesson: Lesson) -> bool:
    return lesson.name.startswith(FIRST_EDITION)


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


FIRST_EDITION_CHECKS = (begins_with_first_cell, goals_open_and_close, time_is_said)
