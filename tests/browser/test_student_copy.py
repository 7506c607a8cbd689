"""The student's copy in JupyterLab: the answer to a prediction is not on the page before its cell is run."""

from __future__ import annotations

from itertools import takewhile

import nbformat
from playwright.sync_api import expect

from bnteach.authoring.student import copy_for_student

LESSON = "01_measure_a_batch.ipynb"


def test_the_answer_to_a_prediction_comes_when_its_cell_is_run(open_notebook, tmp_path):
    copy_for_student(tmp_path)
    cells = nbformat.read(tmp_path / LESSON, as_version=4).cells
    first, second, *_ = (n for n, cell in enumerate(cells) if "**Predict." in cell.source)
    notebook = open_notebook(tmp_path / LESSON)
    output = ".jp-OutputArea-output"
    expect(notebook.page.locator(f".jp-Notebook {output}")).to_have_count(0)
    for answer in notebook.page.locator("details > :not(summary)").all():
        expect(answer).not_to_be_visible()
    for number in (n for n in range(second) if cells[n].cell_type == "code"):
        notebook.run_cell(number)
    answering = takewhile(lambda n: cells[n].cell_type == "code", range(first + 1, second))
    expect(notebook.cell(list(answering)[-1]).locator(output).first).to_be_visible(timeout=60_000)
    notebook.wait_idle()
    expect(notebook.cell(second + 1).locator(output)).to_have_count(0)
