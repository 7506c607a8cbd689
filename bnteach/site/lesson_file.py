"""One lesson as one file of HTML: it needs no other file and no network."""

from __future__ import annotations

import html
import tempfile
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from nbformat import NotebookNode

from ..authoring.colab import Repository
from ..authoring.lessons import NOTEBOOKS
from .cells import fold_predicted, labs_in, show_pictures
from .contents import title
from .links import leads_to_the_web, mend_links
from .pages import find_pages, record
from .recordings import HERE
from .running import add_note
from .sphinx_run import SCRIPTS, run_sphinx

TEMPLATE = HERE / "lesson.html"
GET_IT = "get the project"


def lesson_file(
    name: str, folder: Path = NOTEBOOKS, repository: Repository | None = None, thin: bool = False
) -> str:
    """The text of the file for the one page whose name begins with `name`, such as 03 or exercises/03."""
    page, path = the_page(name, folder)
    notebook = standing_alone(path, page, folder, repository)
    with tempfile.TemporaryDirectory() as place:
        sources, out, recordings = (Path(place, part) for part in ("sources", "out", "recordings"))
        sources.mkdir()
        nbformat.write(notebook, sources / "index.ipynb")
        run_sphinx(sources, out, Path(place, "doctrees"))
        record(folder, recordings, thin, {shown.lab for shown in labs_in(notebook)})
        return joined(title(notebook), out, sorted(recordings.glob("*.js")))


def the_page(name: str, folder: Path) -> tuple[str, Path]:
    pages = find_pages(folder)
    found = [page for page in pages if page.startswith(name)]
    if len(found) != 1:
        which = "several lessons begin" if found else "no lesson begins"
        raise ValueError(f"{which} with {name!r}; there are {', '.join(found or pages)}")
    return found[0], pages[found[0]]


def standing_alone(path: Path, name: str, folder: Path, repository: Repository | None) -> NotebookNode:
    """A built notebook whose links lead to the published site, or are words where there is none."""
    notebook = nbformat.read(path, as_version=4)
    fold_predicted(notebook.cells)
    show_pictures(notebook, recordings="")
    leads = leads_to_the_web(folder, repository)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = mend_links(cell.source, path.parent, leads)
    home = repository and f"https://github.com/{repository.name}"
    add_note(notebook, name, f"[{GET_IT}]({home})" if home else GET_IT, repository)
    return notebook


def joined(heading: str, out: Path, recordings: list[Path]) -> str:
    """The article of the page in `out`, with the styles and scripts that it needs inside."""
    soup = BeautifulSoup((out / "index.html").read_text(encoding="utf-8"), "html.parser")
    sheets = [out / link["href"].partition("?")[0] for link in soup.select("link[rel=stylesheet]")]
    styles = [sheet.read_text(encoding="utf-8") for sheet in sheets]
    styles += [style.string for style in soup.head.select("style")]
    scripts = [script.read_text(encoding="utf-8") for script in [*recordings, *SCRIPTS]]
    parts = {
        "TITLE": html.escape(heading),
        "STYLES": "\n".join(styles),
        "ARTICLE": str(soup.select_one("article")),
        "SCRIPTS": "\n".join(scripts),
    }
    page = TEMPLATE.read_text(encoding="utf-8")
    for part, text in parts.items():
        page = page.replace(f"{{{{{part}}}}}", text)
    return page
