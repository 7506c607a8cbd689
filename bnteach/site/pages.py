"""Builds the site: pages by Sphinx from the notebooks and the README, and a recording of each lab."""

from __future__ import annotations

import shutil
from collections.abc import Container, Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from .. import labs
from ..authoring.colab import Repository
from ..authoring.lessons import NOTEBOOKS, PLACES
from ..authoring.outputs import PROJECT, OutputError, refuse_own_files
from .cells import fold, labs_in, show_pictures
from .contents import written_pages
from .links import leads_to_pages, mend_links
from .recordings import write_recordings
from .running import add_note
from .sphinx_run import run_sphinx

WORK = PROJECT / "build" / "site-work"  # what the next build can use again
RECORDINGS = PROJECT / "build" / "recordings"


def build_site(
    out: Path,
    folder: Path = NOTEBOOKS,
    repository: Repository | None = None,
    thin: bool = False,
) -> int:
    """Write the site into `out` and return the number of its pages; only what changed is made again."""
    refuse_own_files([out], folder)
    refuse_other_files(out)
    notebooks = {name: page_of(path, name, folder, repository) for name, path in find_pages(folder).items()}
    sources = {f"{name}.ipynb": nbformat.writes(notebook) for name, notebook in notebooks.items()}
    leads = leads_to_pages(folder, folder, repository)
    for name, text in written_pages(notebooks, readme_of(folder)).items():
        sources[f"{name}.md"] = mend_links(text, folder.parent, leads)
    for name in write_changed(sources, WORK / "sources"):
        (out / name).with_suffix(".html").unlink(missing_ok=True)
        shutil.rmtree(WORK / "doctrees", ignore_errors=True)  # other pages may link it
    run_sphinx(WORK / "sources", out, WORK / "doctrees")
    record(folder, out / "_static" / "recordings", thin)
    return len(sources)


def find_pages(folder: Path) -> dict[str, Path]:
    """Page name -> built notebook: lessons, deeper ones, exercises, solutions, in this order."""
    found = {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for chapter in PLACES
        for path in sorted((folder / chapter).glob("*.ipynb"))
    }
    if not found:
        raise FileNotFoundError(f"no built notebook in {folder}")
    return found


def page_of(path: Path, name: str, folder: Path, repository: Repository | None) -> NotebookNode:
    """A built notebook as its page shows it."""
    up = "../" * name.count("/")
    notebook = nbformat.read(path, as_version=4)
    fold(notebook.cells)
    show_pictures(notebook, f"{up}_static/recordings")
    leads = leads_to_pages(path.parent, folder, repository)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = mend_links(cell.source, path.parent, leads)
    add_note(notebook, name, f"[set it up once]({up}start.md)", repository)
    return notebook


def record(folder: Path, out: Path, thin: bool, names: Container[str] = labs.__all__) -> None:
    """Write the recordings of the labs that the notebooks show: of all of them, or of those in `names`."""
    shown = [
        lab for path in find_pages(folder).values() for lab in labs_in(nbformat.read(path, as_version=4))
    ]
    cache = RECORDINGS / ("thin" if thin else "full")
    write_recordings([lab for lab in shown if lab.lab in names], out, cache, thin)


def readme_of(folder: Path) -> str:
    return (folder.parent / "README.md").read_text(encoding="utf-8")


def refuse_other_files(out: Path) -> None:
    """Raise OutputError where there is anything but a site."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"cannot write {out}: it is a file, expected a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / ".buildinfo").exists():
        raise OutputError(f"{out} has other files in it; name an empty or a new folder with --out")


def write_changed(texts: Mapping[str, str], folder: Path) -> set[str]:
    """Write the files that differ, and return the names of those that were there and are no longer wanted."""
    there = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    for name, text in texts.items():
        path = folder / name
        if name not in there or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    for name in there - set(texts):
        (folder / name).unlink()
    return there - set(texts)
