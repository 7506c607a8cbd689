"""Where the links in the project's texts lead, on a page of the site and in a lesson that is one file."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from ..authoring.colab import LINK, Repository, data_url, in_project
from .contents import PRACTICE

Leads = Callable[[Path], "str | None"]  # a file of the project -> its address; None where it has none


def mend_links(text: str, base: Path, leads: Leads) -> str:
    """Markdown whose links from the folder `base` lead somewhere; a link that cannot leaves its words."""
    return LINK.sub(lambda link: mended(link, base, leads), text)


def mended(link: re.Match, base: Path, leads: Leads) -> str:
    target, _, anchor = link["target"].partition("#")
    file = (base / unquote(target)).resolve()
    if not target or ":" in target or not file.exists():
        return link[0]
    if link["open"].startswith("!"):
        return f'<img alt="{html.escape(link["text"])}" src="{data_url(file)}">'
    address = leads(file)
    if address is None:
        return link["text"]
    return f"{link['open']}{address}{'#' + anchor if anchor else ''}{link['close']}"


def leads_to_pages(page: Path, folder: Path, repository: Repository | None) -> Leads:
    """From a page in the folder `page`: to the pages of notebooks, and to the repository for other files."""

    def leads(file: Path) -> str | None:
        if is_notebook(file, folder):
            return Path(os.path.relpath(file, page.resolve())).as_posix()
        if file.name in PRACTICE and file.parent == folder.resolve():
            return f"{file.name}/index.md"
        return repository.page(in_project(file, folder)) if repository else None

    return leads


def leads_to_the_web(folder: Path, repository: Repository | None) -> Leads:
    """From a lesson that travels alone: to the published site and to the repository, or nowhere."""

    def leads(file: Path) -> str | None:
        if repository is None:
            return None
        if not is_notebook(file, folder):
            return repository.page(in_project(file, folder))
        owner, name = repository.name.split("/")
        page = file.relative_to(folder.resolve()).with_suffix(".html")
        return f"https://{owner.lower()}.github.io/{name}/{page.as_posix()}"

    return leads


def is_notebook(file: Path, folder: Path) -> bool:
    return file.suffix == ".ipynb" and file.is_relative_to(folder.resolve())
