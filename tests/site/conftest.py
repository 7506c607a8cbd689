"""A project of two notebooks, to build pages from."""

from __future__ import annotations

import base64
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PNG = base64.b64encode(b"a picture").decode()
README = """\
# A course
What it is.

![A lab.](lab.png)

- For all.

## Start
Type `make lab`, or see [the site](#the-site).

## The site
Pages.

## The lessons
[00](notebooks/00_tiny.ipynb), [its exercises](notebooks/exercises), [the rules](LICENSE).

## Five questions
Five answers.

## For students
### Read
Read.

## For teachers
Teach.
"""
EXERCISES = "# 00 · Tiny: exercises\n\n## First steps\n[Back](../00_tiny.ipynb)"


def figure(alt: str):
    return new_output("display_data", {"image/png": PNG}, metadata={"image/png": {"alt": alt}})


def printed(text: str):
    return new_output("stream", text=text)


@pytest.fixture
def readme() -> str:
    return README


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder `notebooks` of a project with a lesson and its exercises."""
    lesson = new_notebook(
        cells=[
            new_markdown_cell("# 00 · Tiny\nSee the [exercises](exercises/00_tiny.ipynb#First-steps)."),
            new_code_cell("labs.Depth(depth=3)", outputs=[figure('a "deep" lab')]),
            new_markdown_cell("**Predict.** What is 1 + 1, and $\\frac{1}{2}$?"),
            new_code_cell("print(1 + 1)", outputs=[printed("2")]),
            new_code_cell("figures.show()", outputs=[figure("two")]),
            new_markdown_cell("It is 2."),
            new_code_cell("print(3)", outputs=[printed("3")]),
        ]
    )
    exercises = new_notebook(cells=[new_markdown_cell(EXERCISES)])
    write(tmp_path / "notebooks" / "00_tiny.ipynb", lesson)
    write(tmp_path / "notebooks" / "exercises" / "00_tiny.ipynb", exercises)
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    (tmp_path / "LICENSE").write_text("Yours.", encoding="utf-8")
    return tmp_path / "notebooks"


def write(path: Path, notebook) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)
