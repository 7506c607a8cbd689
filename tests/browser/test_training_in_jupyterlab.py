"""The lab of training, live: it starts, other cells run meanwhile, it pauses and resets."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from notebook_page import PAUSED


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook(
        cells=["from bnteach import labs\nlab = labs.Training()\nlab", "6 * 7", "lab.running"]
    )
    notebook.run_all()
    yield notebook
    assert notebook.errors() == []


def test_start_use_the_kernel_pause_reset(notebook):
    lab = notebook.lab(0)
    status = lab.area.get_by_role("status")
    lab.click("Start")
    expect(status).to_contain_text(re.compile(r"Running: epoch [1-9]"))
    first = lab.pixels()
    notebook.run_cell(1)
    expect(notebook.cell(1).locator(".jp-OutputArea-output")).to_have_text("42")
    expect(status).to_contain_text("Running")
    notebook.run_cell(2)
    expect(notebook.cell(2).locator(".jp-OutputArea-output")).to_have_text("True")
    lab.click("Pause")
    expect(status).to_contain_text(PAUSED)
    assert lab.pixels() != first
    paused, epoch = lab.pixels(), lab.reading
    notebook.page.wait_for_timeout(600)  # six frames, if it still ran
    assert (lab.pixels(), lab.reading) == (paused, epoch)
    lab.click("Start")
    expect(status).to_contain_text("Running")
    lab.click("Reset")
    expect(status).to_contain_text("Press Start")
    notebook.run_cell(2)
    expect(notebook.cell(2).locator(".jp-OutputArea-output")).to_have_text("False")


def test_running_the_cell_again_stops_the_older_training(notebook):
    lab = notebook.lab(0)
    lab.click("Start")
    expect(lab.area.get_by_role("status")).to_contain_text("Running")
    notebook.page.evaluate(
        "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute("
        "{code: 'old = lab; lab = labs.Training(); ran_on = old.running'}).done"
    )
    expect(lab.area.get_by_role("status")).to_contain_text(PAUSED)


def test_by_keyboard_alone(notebook):
    lab = notebook.lab(0)
    status = lab.area.get_by_role("status")
    lab.press(lab.area.get_by_role("button", name="Start"), "Enter")
    expect(status).to_contain_text("Running")
    notebook.page.keyboard.press("Tab")  # from Start to Pause
    notebook.page.keyboard.press("Space")
    expect(status).to_contain_text(PAUSED)
