"""One source, two notebooks: the solutions as they are written, and the exercises with the solutions erased.

In `notebooks/source/exercises` a cell tagged `solution` holds a function or a class with blocks between two
lines, the same that nbgrader knows. Its last line is the check. Text cells tagged `solution` explain; they
are left out of the exercises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from .lessons import NOTEBOOKS, Lesson, tags

SOLUTION = "solution"
POINTS = re.compile(r"^points-(\d+)$")
BLOCK = re.compile(
    r"^(?P<indent> *)### BEGIN SOLUTION\n(?P<answer>.*?)^ *### END SOLUTION$", re.MULTILINE | re.DOTALL
)
MARKERS = re.compile(r"^ *### (BEGIN|END) SOLUTION\n?", re.MULTILINE)
CHECK = re.compile(r"^check\.(?P<check>\w+)\((?P<answer>\w+)\)$", re.MULTILINE)


@dataclass(frozen=True)
class Solution(Lesson):
    """The exercises of a lesson, with their solutions.

    >>> Solution("01_measure_a_batch", Path("notebooks")).notebook.as_posix()
    'notebooks/solutions/01_measure_a_batch.ipynb'
    """

    place = "solutions"

    @property
    def source(self) -> Path:
        return self.folder / "source" / "exercises" / f"{self.name}.py"

    def prepare(self, cell: NotebookNode) -> NotebookNode:
        cell.source = MARKERS.sub("", cell.source).rstrip("\n")
        return cell


@dataclass(frozen=True)
class Exercise(Solution):
    """The same exercises, to be solved.

    >>> Exercise("01_measure_a_batch", Path("notebooks")).notebook.as_posix()
    'notebooks/exercises/01_measure_a_batch.ipynb'
    """

    place = "exercises"

    def prepare(self, cell: NotebookNode) -> NotebookNode | None:
        if cell.cell_type != "code" and SOLUTION in tags(cell):
            return None
        cell.source = erased(cell.source)
        return cell


def erased(code: str) -> str:
    """Code whose solutions are replaced by what nbgrader, too, puts in their place.

    Raises ValueError where a mark is alone or misspelled: a solution would stay.

    >>> print(erased("def one():\\n    ### BEGIN SOLUTION\\n    return 1\\n    ### END SOLUTION"))
    def one():
        # YOUR CODE HERE
        raise NotImplementedError()
    """
    left = BLOCK.sub(r"\g<indent># YOUR CODE HERE\n\g<indent>raise NotImplementedError()", code)
    if alone := re.search(r"^.*(BEGIN|END) +SOLUTION.*$", left, re.MULTILINE | re.IGNORECASE):
        begin = code.partition("\n")[0]
        raise ValueError(
            f"the line {alone[0]!r} in the cell that begins with {begin!r} is no mark, or has no partner; "
            "the marks are '### BEGIN SOLUTION' and '### END SOLUTION'"
        )
    return left


def find_exercises(folder: Path = NOTEBOOKS, names: list[str] | None = None) -> list[Solution]:
    """The exercises of a folder in order, each once with solutions and once without."""
    stems = [path.stem for path in sorted((folder / "source" / "exercises").glob("*.py"))]
    chosen = [stem for stem in stems if not names or stem.startswith(tuple(names))]
    return [kind(stem, folder) for stem in chosen for kind in (Solution, Exercise)]


def checked(cell: NotebookNode) -> re.Match | None:
    """The check at the end of a solution cell, and the name of what it checks."""
    return CHECK.match(cell.source.rstrip().rpartition("\n")[2])
