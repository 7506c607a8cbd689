"""What a student gets: notebooks without outputs, and the pictures and stored results that they need.

Solutions stay where they are: from a copy inside the project, links lead to them there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import nbformat
from nbformat import NotebookNode

from .build import text_of
from .clean import clear_answers
from .colab import LINK, results_of

PLACES = (".", "deeper", "exercises")


def files_for_student(out: Path, folder: Path) -> dict[str, bytes]:
    """The files of a copy that will lie in `out`, by their names in it."""
    found = [path for place in PLACES for path in sorted((folder / place).glob("*.ipynb"))]
    if not found:
        raise FileNotFoundError(f"no built notebook in {folder}")
    notebooks = {path.resolve(): nbformat.read(path, as_version=4) for path in found}
    others = sorted({file for path, notebook in notebooks.items() for file in needed(path, notebook, folder)})
    names = {path: path.relative_to(folder.resolve()).as_posix() for path in (*notebooks, *others)}
    places = {path: out.resolve() / name for path, name in names.items()}
    for path, notebook in notebooks.items():
        clear_answers(notebook)
        mend_links(notebook, path, places, folder.resolve().parent)
    texts = {names[path]: text_of(notebook).encode() for path, notebook in notebooks.items()}
    return texts | {names[file]: file.read_bytes() for file in others}


def needed(path: Path, notebook: NotebookNode, folder: Path) -> set[Path]:
    """The pictures in a notebook's text and the stored results that its code reads."""
    links = [link for cell in notebook.cells for link in LINK.finditer(cell.source)]
    files = [file_of(link, path) for link in links if link["open"].startswith("!")]
    files += [file.resolve() for file in results_of(path, notebook).values()]
    return {file for file in files if file and file.is_file() and file.is_relative_to(folder.resolve())}


def mend_links(notebook: NotebookNode, path: Path, places: Mapping[Path, Path], project: Path) -> None:
    """Make the links of the notebook at `path` lead somewhere from its place in the copy."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(lambda link: mended(link, path, places, project), cell.source)


def mended(link: re.Match, path: Path, places: Mapping[Path, Path], project: Path) -> str:
    """A link to a file that is not copied leads into the project; outside of that, only its words stay."""
    file = file_of(link, path)
    if file is None or file in places:
        return link[0]
    if not places[path].is_relative_to(project):
        return link["text"]
    _, hash_sign, anchor = link["target"].partition("#")
    target = Path(os.path.relpath(file, places[path].parent)).as_posix()
    return f"{link['open']}{target}{hash_sign}{anchor}{link['close']}"


def file_of(link: re.Match, path: Path) -> Path | None:
    """The file of the project that a link leads to; None for the web and for a place in the same page."""
    target = unquote(link["target"].partition("#")[0])
    file = (path.parent / target).resolve()
    return file if target and ":" not in target and file.exists() else None
