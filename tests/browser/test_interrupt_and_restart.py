"""A stopped or restarted kernel leaves a notebook in which the labs work again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from notebook_page import PAUSED

CELLS = ["from bnteach import labs\nlab = labs.Training()\nlab", "while True:\n    pass", "6 * 7"]


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook(cells=CELLS)
    notebook.run_cell(0)
    notebook.wait_idle()
    return notebook


def test_a_stopped_cell_leaves_the_training_lab_usable(notebook):
    lab = notebook.lab(0)
    status = lab.area.get_by_role("status")
    lab.click("Start")
    expect(status).to_contain_text(re.compile(r"Running: epoch [1-9]"))
    notebook.run_cell(1)
    notebook.page.wait_for_timeout(1000)
    notebook.page.evaluate("() => jupyterapp.commands.execute('notebook:interrupt-kernel')")
    expect(notebook.cell(1).locator(".jp-OutputArea")).to_contain_text("KeyboardInterrupt")
    lab.click("Pause")
    expect(status).to_contain_text(PAUSED)
    lab.click("Reset")
    expect(status).to_contain_text("Press Start")
    lab.learn_a_little()


def test_after_a_restart_the_cell_makes_a_new_lab(notebook):
    lab = notebook.lab(0)
    lab.click("Start")
    expect(lab.area.get_by_role("status")).to_contain_text(re.compile(r"Running: epoch [1-9]"))
    notebook.page.evaluate(
        "async () => { await jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
    )
    notebook.wait_idle()
    notebook.run_cell(2)
    expect(notebook.cell(2).locator(".jp-OutputArea-output")).to_have_text("42")
    notebook.run_cell(0)
    notebook.wait_idle()
    notebook.lab(0).learn_a_little()
    assert notebook.page.get_by_text("Error displaying widget").count() == 0
