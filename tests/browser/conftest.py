"""One JupyterLab server, one site and one browser for all browser tests."""

from __future__ import annotations

import subprocess
import sys

import pytest
from filelock import FileLock
from playwright.sync_api import sync_playwright

from jupyterlab_server_process import JupyterLab
from notebook_page import opened_notebooks
from which_browser import launch


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory):
    """A JupyterLab that serves an empty folder, with settings of its own."""
    with JupyterLab(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="session")
def window():
    """A window of the browser; its pages share the files of JupyterLab, which so are fetched once."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser.new_context(viewport={"width": 1400, "height": 1000})
        browser.close()


@pytest.fixture
def open_notebook(jupyterlab, window):
    """open_notebook(path) opens a copy of a notebook; open_notebook(cells=[...]) one made of these cells."""
    with opened_notebooks(jupyterlab, window) as open_one:
        yield open_one


@pytest.fixture(scope="session")
def site(tmp_path_factory, request):
    """The site with thin recordings; the processes of pytest-xdist share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if hasattr(request.config, "workerinput") else base) / "site"
    with FileLock(f"{folder}.lock"):
        if not (folder / "index.html").exists():
            command = [sys.executable, "-m", "bnteach.site", "build", "--thin", "--out", str(folder)]
            subprocess.run(command, check=True)
    return folder
