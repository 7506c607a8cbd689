"""What holds for each lab: every corner draws, nothing prints, the last state is the one that is seen."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
import subprocess
import sys

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

from bnteach import labs
from bnteach.labs.controls import HELP, WHOLE_ROW, kind, positions

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
FAILED = "This did not work"


def ends(control) -> list:
    """The values of a control that are worth trying: all its words; or its ends, and 0 between them."""
    values = list(positions(control))
    if kind(control) == "choice":
        return values
    return [value for place, value in enumerate(values) if value == 0 or place in (0, len(values) - 1)]


def another(control):
    """A value that the control does not have now."""
    return next(value for value in reversed(ends(control)) if value != control.value)


def buttons_of(lab) -> tuple:
    """The widgets below the controls."""
    return lab.widget.children[1].children[-1].children


def picture(lab) -> bytes:
    return bytes(lab.canvas.image.value)


def pixels_of(lab) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture(lab))))


def arrays_in(frame) -> list[np.ndarray]:
    """All the numbers of a frame, however it holds them."""
    if dataclasses.is_dataclass(frame):
        frame = [getattr(frame, field.name) for field in dataclasses.fields(frame)]
    if isinstance(frame, dict):
        frame = list(frame.values())
    if isinstance(frame, (list, tuple)):
        return [array for part in frame for array in arrays_in(part)]
    return [np.asarray(frame)]


def corners(lab) -> list[dict]:
    """All controls at their lowest, and at their highest; and beside these each other end or word of one."""
    values = {name: ends(control) for name, control in lab.widgets.items()}
    all_low, all_high = ({name: some[end] for name, some in values.items()} for end in (0, -1))
    found = [
        {**corner, name: value}
        for corner in (all_high, all_low)
        for name, some in values.items()
        for value in some
    ]
    return [corner for place, corner in enumerate(found) if corner not in found[:place]]


def test_each_corner_draws_prints_nothing_and_the_last_is_the_one_that_is_seen(lab, lab_class, capfd):
    width, height = lab.size
    for corner in corners(lab):
        lab.set(**corner)
        assert FAILED not in lab.reading
        assert not re.search(r"\bnan\b|\binf\b|-0\.00\b", lab.reading)
        assert Image.open(io.BytesIO(picture(lab))).size == (round(150 * width), round(150 * height))
    fresh = lab_class(**corner)
    assert lab.state == fresh.state
    assert lab.reading == fresh.reading
    np.testing.assert_array_equal(pixels_of(lab), pixels_of(fresh))
    assert capfd.readouterr() == ("", "")


def test_each_control_changes_the_picture_and_the_reading(lab):
    advance(lab)
    before, reading = picture(lab), lab.reading
    for name, control in lab.widgets.items():
        value, control.value = control.value, another(control)
        advance(lab)
        assert picture(lab) != before, name
        assert lab.reading != reading, name
        control.value = value


def advance(lab):
    """Let the lab of training show something."""
    if hasattr(lab, "advance"):
        lab.advance(epochs=1)


def test_a_blitted_frame_equals_a_full_draw(lab):
    lab.set(**{name: another(control) for name, control in lab.widgets.items()})
    advance(lab)
    blitted = np.array(lab.canvas.agg.buffer_rgba())
    lab.canvas.agg.draw()
    np.testing.assert_array_equal(np.array(lab.canvas.agg.buffer_rgba()), blitted)


def test_nothing_of_the_frame_before_is_left(lab):
    advance(lab)
    marks = sum(len(ax.get_children()) for ax in lab.canvas.axes)
    for _ in range(3):
        lab.canvas.paint(lambda axes: None, lambda axes: lab.draw(axes, lab.frame))
    assert sum(len(ax.get_children()) for ax in lab.canvas.axes) == marks


def test_compute_is_pure(lab):
    if type(lab).__name__ == "Training":
        pytest.skip("its frame is the state of two networks; see test_training_lab.py")
    state = lab.state
    before = [array.copy() for array in arrays_in(lab.compute(state))]
    lab.set(**{name: another(control) for name, control in lab.widgets.items()})
    for first, second in zip(before, arrays_in(lab.compute(state)), strict=True):
        np.testing.assert_array_equal(first, second)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(state, next(iter(lab.widgets)), 0)


def test_an_error_appears_in_the_reading_and_the_lab_recovers(lab, monkeypatch):
    control = next(iter(lab.widgets.values()))
    with monkeypatch.context() as patch:
        patch.setattr(lab, "compute", lambda state: 1 / 0)
        control.value = another(control)
        assert lab.reading == f"{FAILED}: ZeroDivisionError: division by zero"
        assert FAILED in lab._words.value
    control.value = another(control)
    assert FAILED not in lab.reading


def test_one_output_with_widget_picture_and_words(lab, displayed):
    for how in ("_ipython_display_", "show"):
        (output,) = displayed(getattr(lab, how))
        assert set(output.data) == {WIDGET_VIEW, "image/png", "text/plain"}
        assert output.data[WIDGET_VIEW]["model_id"] == lab.widget.model_id
        assert output.data["text/plain"] == f"{lab.title}. {lab.reading}"
        assert output.metadata == {"image/png": {"alt": output.data["text/plain"]}}


def test_as_the_last_line_of_a_cell(lab, shell, displayed):
    outputs = displayed(lambda: shell.display_formatter.format(lab))
    assert [set(output.data) for output in outputs] == [{WIDGET_VIEW, "image/png", "text/plain"}]


def test_the_still_is_the_picture_and_small(lab, displayed):
    advance(lab)
    (output,) = displayed(lab.show)
    still = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).convert("RGB")
    difference = np.abs(np.asarray(still, dtype=int) - pixels_of(lab))
    assert difference.mean() < 1
    assert len(output.data["image/png"]) < 60_000


def test_the_reading_on_the_page_is_the_reading(lab):
    assert lab.reading in lab._words.value.replace("&#x27;", "'")
    assert 'aria-live="polite"' in lab._words.value


def test_controls_have_names_and_help(lab):
    for control in lab.widgets.values():
        assert len(control.description) > 4
        assert any(getattr(control, name, None) for name in (HELP, "tooltip", "tooltips"))


def test_the_controls_stand_on_one_grid(lab):
    """A name takes as much room as the longest, and a choice a row of its own."""
    widths = {control.style.description_width for control in lab.widgets.values()}
    assert len(widths) == 1
    assert float(widths.pop().removesuffix("em")) > 0.5 * max(
        len(control.description) for control in lab.widgets.values()
    )
    choices = [control for control in lab.widgets.values() if isinstance(control, widgets.ToggleButtons)]
    assert {control.layout.grid_area for control in choices} <= {WHOLE_ROW}


def test_core_widgets_alone(lab):
    seen, waiting = [], [lab.widget]
    while waiting:
        widget = waiting.pop()
        seen.append(widget)
        waiting.extend(getattr(widget, "children", ()))
    assert {type(widget).__module__.split(".")[0] for widget in seen} == {"ipywidgets"}
    assert not any(isinstance(widget, widgets.Output) for widget in seen)


def test_set_refuses_what_it_cannot_do_and_changes_nothing(lab, lab_class):
    name, _ = next((n, c) for n, c in lab.widgets.items() if not isinstance(c, widgets.Checkbox))
    state, reading = lab.state, lab.reading
    first = next(iter(lab.widgets))
    with pytest.raises(ValueError, match=f"{lab_class.__name__} has no control 'size'; it has {first}"):
        lab.set(**{first: another(lab.widgets[first]), "size": 3})
    with pytest.raises(ValueError, match=f"{name} is 1000000"):
        lab.set(**{name: 1_000_000})
    assert (lab.state, lab.reading) == (state, reading)
    with pytest.raises(ValueError, match=name):
        lab_class(**{name: 1_000_000})


def test_set_draws_once(lab, monkeypatch):
    frames = []
    monkeypatch.setattr(lab, "draw", lambda axes, frame: frames.append(frame))
    lab.set(**{name: another(control) for name, control in lab.widgets.items()})
    assert len(frames) == 1


def test_labs_need_no_torch_until_training_is_named():
    code = "import sys; from bnteach import labs; labs.Sampler(); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_what_all_labs_share_is_no_lab():
    with pytest.raises(TypeError, match=r"choose one of .*Depth.*help\(labs\)"):
        labs.Lab()
