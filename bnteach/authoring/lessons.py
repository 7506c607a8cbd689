"""Where the lessons are, and how a percent source becomes cells."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"

PLACES = (".", "deeper", "exercises", "solutions")  # where there are built notebooks
DRAWS = "draws"  # the tag of a cell that only draws: its code is folded shut
PREDICT = re.compile(r"\*\*Predict(?!\*)")  # a question, and not a mention of the word
KEPT = ("tags", "alt", "jupyter")  # the metadata of a cell that a notebook keeps
KERNELSPEC = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
MARKER = re.compile(r"^# ?%%")


@dataclass(frozen=True)
class Lesson:
    """A lesson: its name, the folder of the built notebooks, and its two files.

    >>> lesson = Lesson("01_measure_a_batch", Path("notebooks"))
    >>> lesson.source.as_posix(), lesson.notebook.as_posix()
    ('notebooks/source/01_measure_a_batch.py', 'notebooks/01_measure_a_batch.ipynb')
    """

    name: str
    folder: Path
    place = ""

    @property
    def source(self) -> Path:
        return self.folder / "source" / self.place / f"{self.name}.py"

    @property
    def notebook(self) -> Path:
        return self.folder / self.place / f"{self.name}.ipynb"

    @property
    def label(self) -> str:
        """What it is called in messages and in the record of builds."""
        return f"{self.place}/{self.name}".lstrip("/")

    def prepare(self, cell: NotebookNode) -> NotebookNode | None:
        """The cell as the notebook has it; None leaves it out."""
        return cell


@dataclass(frozen=True)
class Deeper(Lesson):
    """An excursion: one question, beside the numbered lessons.

    >>> Deeper("test_a_backward_pass", Path("notebooks")).notebook.as_posix()
    'notebooks/deeper/test_a_backward_pass.ipynb'
    """

    place = "deeper"


def find_lessons(folder: Path = NOTEBOOKS, names: list[str] | None = None) -> list[Lesson]:
    """The lessons of a folder in order, then the deeper ones; with `names`, those that begin so ("01").

    Raises FileNotFoundError when the folder has no sources, and ValueError for a name that fits no lesson.
    """
    lessons = [
        kind(path.stem, folder)
        for kind in (Lesson, Deeper)
        for path in sorted((folder / "source" / kind.place).glob("*.py"))
    ]
    if not lessons:
        raise FileNotFoundError(f"no lessons: {folder / 'source'} has no .py file")
    refuse_unknown(names or [], lessons)
    return [lesson for lesson in lessons if not names or lesson.name.startswith(tuple(names))]


def refuse_unknown(names: list[str], lessons: list[Lesson], kind: str = "lesson") -> None:
    """Raise ValueError for a name with which none of the lessons begins."""
    known = list(dict.fromkeys(lesson.name for lesson in lessons))
    for name in names:
        if not any(one.startswith(name) for one in known):
            raise ValueError(f"no {kind} begins with {name!r}; there are {', '.join(known) or 'none'}")


def read_source(lesson: Lesson) -> NotebookNode:
    """The notebook that a percent source describes: cells with tags and stable ids, no outputs yet."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [new for cell in raw_cells(lesson) if (new := lesson.prepare(cell)) is not None]
    give_ids(notebook.cells)
    notebook.metadata = {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return nbformat.from_dict(notebook)


def raw_cells(lesson: Lesson) -> list[NotebookNode]:
    """The cells of the source as they are written; those that only draw are folded shut."""
    cells = jupytext.reads(lesson.source.read_text(encoding="utf-8"), fmt="py:percent").cells
    for cell in cells:
        cell.metadata = kept(cell)
        if DRAWS in tags(cell):
            cell.metadata["jupyter"] = {"source_hidden": True}
    return cells


def kept(cell: NotebookNode) -> dict:
    """The metadata of a cell without what Jupyter and Jupytext add."""
    return {key: cell.metadata[key] for key in KEPT if cell.metadata.get(key)}


def give_ids(cells: list[NotebookNode]) -> None:
    """Ids made from what the cells say, so that a cell added above leaves every other cell's id as it was."""
    seen: Counter[str] = Counter()
    for cell in cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def source_lines(lesson: Lesson) -> list[int]:
    """For each cell of the notebook, the first line of its text in the source (lines count from 1)."""
    lines = lesson.source.read_text(encoding="utf-8").splitlines()
    starts = []
    for number, line in enumerate(lines, start=1):
        if MARKER.match(line):
            below = (n for n, text in enumerate(lines[number:], start=number + 1) if text.strip())
            starts.append(next(below, number))
    pairs = zip(starts, raw_cells(lesson), strict=True)
    return [start for start, cell in pairs if lesson.prepare(cell) is not None]


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
