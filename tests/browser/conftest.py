"""One JupyterLab server and one browser for all browser tests."""

from __future__ import annotations

import nbformat
import pytest
from playwright.sync_api import sync_playwright

from jupyterlab_server_process import KERNEL, JupyterLab
from notebook_page import NotebookPage
from which_browser import launch


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory):
    """A JupyterLab that serves an empty folder, with settings of its own."""
    with JupyterLab(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def open_notebook(jupyterlab, browser):
    """open_notebook(path) opens a copy of a notebook; open_notebook(cells=[...]) one made of these cells."""
    opened = []

    def open_one(path=None, *, cells=()):
        if path is None:
            sources = [nbformat.v4.new_code_cell(source) for source in cells]
            notebook = nbformat.v4.new_notebook(cells=sources, metadata={"kernelspec": KERNEL})
            name = jupyterlab.add(f"scratch-{jupyterlab.count}.ipynb", nbformat.writes(notebook))
        else:
            name = jupyterlab.add(path.name, path.read_text(encoding="utf-8"))
            jupyterlab.add_results_of(path)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        opened.append(page)
        return NotebookPage(page, jupyterlab.url(name))

    yield open_one
    for page in opened:
        page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        page.close()
