"""Writes notebooks that run far from the project: in Google Colab, or wherever one is sent by mail.

Either each carries the package inside, or each installs it from a repository on GitHub, in a cell before all
other code. There are no outputs: the student is to run the cells.
"""

from __future__ import annotations

import base64
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import nbformat
from nbformat import NotebookNode

from .build import text_of
from .clean import clear_answers
from .colab_cells import installing_cell, unpacking_cell
from .lessons import NOTEBOOKS, PLACES, code_cells
from .outputs import refuse_own_files, write_all
from .wheel import built_wheel, packed

HIDDEN = {"cellView": "form", "jupyter": {"source_hidden": True}}  # in Colab; in JupyterLab
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
RESULTS = re.compile(r"\b(?:deeper/)?results/\w*")
LINK = re.compile(r"(?P<open>!?\[(?P<text>[^\[\]]*)\]\(\s*<?)(?P<target>[^)\s>]+)(?P<close>[^)]*\))")


@dataclass(frozen=True)
class Repository:
    """A repository on GitHub, and the folder in it where the written notebooks will lie.

    >>> there = Repository("ada/bnteach", "main", "colab")
    >>> there.in_colab("01_measure_a_batch.ipynb")
    'https://colab.research.google.com/github/ada/bnteach/blob/main/colab/01_measure_a_batch.ipynb'
    """

    name: str
    branch: str
    folder: str

    def __post_init__(self):
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", self.name):
            raise ValueError(f"the repository is {self.name!r}, expected owner/name")
        if not self.branch or set(self.branch) & set("@#"):
            raise ValueError(
                f"the branch is {self.branch!r}, expected a name that pip takes: without @ and #"
            )

    def in_colab(self, notebook: str) -> str:
        path = quote(posixpath.join(self.folder, notebook))
        return f"https://colab.research.google.com/github/{self.name}/blob/{quote(self.branch)}/{path}"

    def page(self, path: str) -> str:
        return f"https://github.com/{self.name}/blob/{quote(self.branch)}/{quote(path)}"

    def raw(self, path: str) -> str:
        return f"https://raw.githubusercontent.com/{self.name}/{quote(self.branch)}/{quote(path)}"

    @property
    def package(self) -> str:
        return f"git+https://github.com/{self.name}@{quote(self.branch)}"


def repository_at(name: str, branch: str, out: Path, folder: Path = NOTEBOOKS) -> Repository:
    """A repository that will hold `out` where it is in the project now; from elsewhere, at its top."""
    inside = out.resolve().is_relative_to(folder.resolve().parent)
    return Repository(name, branch, in_project(out, folder) if inside else out.resolve().name)


def write_for_colab(
    out: Path, names: list[str] | None = None, folder: Path = NOTEBOOKS, repository: Repository | None = None
) -> list[Path]:
    """Write every built lesson, exercise and solution into `out`, in folders as they are here.

    Args:
        out: where to; made if it is missing, and files of the same names are replaced.
        names: the beginnings of the names to write, such as 01; none means all.
        folder: of the built notebooks.
        repository: install the package from there; None puts its wheel into each notebook.

    Returns:
        The written files.

    Raises:
        FileNotFoundError: no built notebook has such a name.
        OutputError: `out` is among the project's own files, or cannot be written.
    """
    places = {out / path.relative_to(folder): path for path in built_notebooks(folder, names)}
    refuse_own_files(places, folder)
    wheel = {} if repository else built_wheel()
    write_all({to: text_of(for_colab(path, folder, wheel, repository)) for to, path in places.items()})
    return list(places)


def built_notebooks(folder: Path, names: list[str] | None = None) -> list[Path]:
    """The lessons, the deeper ones, the exercises and the solutions."""
    begins = tuple(names or [""])
    found = [
        path
        for part in PLACES
        for path in sorted((folder / part).glob("*.ipynb"))
        if path.name.startswith(begins)
    ]
    if not found:
        raise FileNotFoundError(
            f"no built notebook in {folder} begins with {' or '.join(names or ['anything'])}"
        )
    return found


def for_colab(
    path: Path, folder: Path, wheel: dict[str, bytes], repository: Repository | None
) -> NotebookNode:
    """The notebook at `path`, with a cell that brings bnteach and with links that lead somewhere."""
    notebook = nbformat.read(path, as_version=4)
    clear_answers(notebook)
    first = cell_that_brings(notebook)
    results = results_of(path, notebook)
    if repository is None:
        carried = {**wheel, **{name: file.read_bytes() for name, file in results.items()}}
        first.source = unpacking_cell(packed(carried))
    else:
        urls = {name: repository.raw(in_project(file, folder)) for name, file in results.items()}
        first.source = installing_cell(repository.package, urls)
        notebook.cells.insert(0, badge_cell(repository.in_colab(path.relative_to(folder).as_posix())))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(lambda link: mended(link, path, folder, repository), cell.source)
    return notebook


def cell_that_brings(notebook: NotebookNode) -> NotebookNode:
    """A new cell before all other code."""
    kinds = [cell.cell_type for cell in notebook.cells]
    place = kinds.index("code") if "code" in kinds else len(kinds)
    cell = nbformat.v4.new_code_cell(metadata=HIDDEN)
    cell.id = "bnteach"
    notebook.cells.insert(place, cell)
    return cell


def results_of(path: Path, notebook: NotebookNode) -> dict[str, Path]:
    """The stored results that a notebook's code names, in the folder `results` beside it or in `deeper`.

    A name may be cut short by a placeholder, as in f"results/12_{name}.json": then all that begin so.
    """
    named = {begin for cell in code_cells(notebook) for begin in RESULTS.findall(cell.source)}
    files = sorted(file for begin in named for file in path.parent.glob(f"{begin}*"))
    return {file.relative_to(path.parent).as_posix(): file for file in files}


def badge_cell(url: str) -> NotebookNode:
    cell = nbformat.v4.new_markdown_cell(f"[![Open in Colab]({BADGE})]({url})")
    cell.id = "badge"
    return cell


def mended(link: re.Match, path: Path, folder: Path, repository: Repository | None) -> str:
    """A link or picture in Markdown as it must be far from the project.

    Notebooks lie beside each other as they do here. Pictures come along. Other files are on GitHub; without a
    repository their names must do.
    """
    target, _, anchor = link["target"].partition("#")
    file = (path.parent / unquote(target)).resolve()
    if not target or ":" in target or not file.exists():
        return link[0]
    if link["open"].startswith("!"):
        url = repository.raw(in_project(file, folder)) if repository else data_url(file)
    elif file.suffix == ".ipynb":
        name = file.relative_to(folder.resolve()).as_posix()
        url = repository.in_colab(name) if repository else target
    elif repository:
        url = repository.page(in_project(file, folder))
    else:
        return link["text"]
    return f"{link['open']}{url}{'#' + anchor if anchor else ''}{link['close']}"


def data_url(picture: Path) -> str:
    kind = picture.suffix.removeprefix(".").replace("jpg", "jpeg").replace("svg", "svg+xml")
    return f"data:image/{kind};base64,{base64.b64encode(picture.read_bytes()).decode('ascii')}"


def in_project(file: Path, folder: Path) -> str:
    """The path of a file from the top of the project, which is the parent of the folder of notebooks."""
    return file.resolve().relative_to(folder.resolve().parent).as_posix()
