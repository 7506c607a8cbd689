"""200 moves in two seconds: the last state is drawn, and no queue of old pictures is worked off after it."""

from __future__ import annotations

import pytest

from test_labs_in_jupyterlab import SLIDERS

# How many pictures have been shown since the start of the storm, and the time of each.
COUNT = """image => {
    window.shown = [];
    new MutationObserver(() => window.shown.push(performance.now()))
        .observe(image, {attributes: true, attributeFilter: ["src"]});
}"""
EVENTS = 200


@pytest.mark.parametrize("name", sorted(set(SLIDERS) - {"Training"}))
def test_after_a_storm_the_picture_is_that_of_the_slider(open_notebook, name):
    start = 'pattern="one"' if name == "BackpropGraph" else ""
    notebook = open_notebook(
        cells=[
            f"from bnteach import labs\nlab = labs.{name}({start})\nlab",
            f"labs.{name}(**{{k: w.value for k, w in lab.widgets.items()}}).reading == lab.reading",
        ]
    )
    notebook.run_all()
    lab = notebook.lab(0)
    slider = lab.slider(SLIDERS[name][-1])
    page = notebook.page
    page.evaluate(COUNT, lab.picture.element_handle())
    lab.storm(slider, swings=10, moves=EVENTS)
    page.mouse.up()
    lab.settled()
    shown = page.evaluate("() => window.shown")
    assert 0 < len(shown) < EVENTS  # pictures that the next move made old are left out
    page.wait_for_timeout(500)
    assert page.evaluate("() => window.shown.length") == len(shown)
    notebook.run_cell(1)  # a lab made new from what the controls say tells the same
    notebook.cell(1).locator(".jp-OutputArea-output").get_by_text("True").wait_for()
    assert notebook.errors() == []
