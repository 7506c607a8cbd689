"""The other program of the Jupyter project, Notebook 7, runs a lesson and its lab too."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from jupyterlab_server_process import TOKEN
from notebook_page import MINUTE, wait_for_kernel

LESSON = Path(__file__).parents[2] / "notebooks" / "01_measure_a_batch.ipynb"


def test_a_lab_moves_in_notebook_7(jupyterlab, window):
    name = jupyterlab.add(f"copy_of_{LESSON.name}", LESSON.read_text(encoding="utf-8"))
    page = window.new_page()
    page.goto(f"http://127.0.0.1:{jupyterlab.port}/notebooks/{name}?token={TOKEN}")
    wait_for_kernel(page)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    picture = page.locator("img.bnteach-picture").first
    expect(picture).to_be_visible(timeout=2 * MINUTE)
    picture.scroll_into_view_if_needed()
    area = page.locator(".jp-OutputArea", has=page.locator("img.bnteach-picture")).first
    reading, before = area.get_by_role("status"), picture.get_attribute("src")
    words = reading.inner_text()
    area.get_by_role("slider").first.focus()
    page.keyboard.press("PageUp")  # Notebook 7 keeps the arrow keys for itself
    expect(picture).not_to_have_attribute("src", before)
    expect(reading).not_to_have_text(words)
    assert page.get_by_text("Error displaying widget").count() == 0
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    page.close()
