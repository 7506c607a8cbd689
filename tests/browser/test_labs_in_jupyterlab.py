"""Each control of each lab answers the keyboard, the mouse and a storm of moves, and nothing is printed."""

from __future__ import annotations

import ipywidgets as widgets
import nbformat
import pytest
from playwright.sync_api import expect

from bnteach import labs
from jupyterlab_server_process import KERNEL
from notebook_page import PAUSED, opened_notebooks

# The last one is the slider that is moved in the storm.
SLIDERS = {
    "BackpropGraph": ["Sample", "Value of dy", "Step of the walk"],
    "Blocks": ["Cache (MB)", "Channels in a block"],
    "Coupling": ["Sample to move", "Its value"],
    "Depth": ["Layers", "Initial weight scale"],
    "Devices": ["How sorted (%)", "Devices"],
    "GammaBeta": ["γ (scale)", "β (shift)"],
    "Jacobian": ["Batch size", "Scale", "Outlier"],
    "Landscape": ["Training steps done", "Learning rate of the next step"],
    "Microscope": ["ε in the root", "Shift of the input", "Scale of the input"],
    "Momentum": ["Momentum", "Channel's std", "Batches seen"],
    "Pruning": ["Threshold"],
    "Ravine": ["Mean of the feature", "Its std", "Learning rate", "Steps"],
    "RunningStats": ["Batches seen", "Batch size"],
    "Sampler": ["Batch size", "Skew of the population"],
    "Shifts": ["Contrast", "Noise", "Brightness"],
    "Training": ["Learning rate", "Initial weight scale", "Batch size", "Random seed"],
    "WeightDecay": ["Learning rate", "Length at the start", "Weight decay"],
    "WhichValues": ["Sample", "Channel", "Position", "Contrast of this digit"],
}
SWITCHES = {
    "Depth": ["Batch normalization"],
    "Jacobian": ["Diagonal part", "Mean part", "Variance part"],
    "Microscope": ["Batch normalization"],
    "Training": ["Batch normalization in A", "Batch normalization in B"],
}
CHOICES = {
    "Blocks": [("32 × 512 × 7 × 7", "32 × 64 × 56 × 56")],
    "Coupling": [("stored statistics (evaluation)", "this batch (training)")],
    "Depth": [("tanh", "ReLU")],
    "GammaBeta": [("tanh", "ReLU")],
    "Landscape": [("tanh, 8 layers", "ReLU, 8 layers")],
    "Microscope": [("skewed", "two humps"), ("tanh", "GELU")],
    "Pruning": [("without L1", "with L1"), ("in the whole network", "within each layer")],
    "RunningStats": [("drift", "jump")],
    "Shifts": [("recalibrated", "stored")],
    "WhichValues": [("layer", "group"), ("NHWC", "NCHW")],
}
BUTTONS = {
    "BackpropGraph": ["Step back"],
    "RunningStats": ["Next batch"],
    "Sampler": ["Draw new batches"],
}
# Where a control shows nothing at the lab's own start; it is then moved first. ε is felt only by a channel
# that hardly varies, and a sample of dy is chosen only where dy has a single value.
STARTS = {"Microscope": "scale=0.1, eps=0.01", "BackpropGraph": 'pattern="one", sample=2'}


# How many pictures have been shown since the start of the storm, and the time of each.
COUNT = """image => {
    window.shown = [];
    new MutationObserver(() => window.shown.push(performance.now()))
        .observe(image, {attributes: true, attributeFilter: ["src"]});
}"""
MOVES = 200  # in two seconds
# A move of a slider in the lab of training begins the training again, and draws nothing by itself.
ANSWER_A_STORM = sorted(set(SLIDERS) - {"Training"})


NAMES = [*ANSWER_A_STORM, "Training"]


def cells_of(name: str) -> list[str]:
    """The code that makes a lab, sets it going, shows it, and prints its words once more."""
    # The lab of training shows nothing before it has learned something; so it is set going first.
    begin = "lab.advance(epochs=1)" if name == "Training" else "None"
    frame = "lab.frame" if name == "Training" else "lab.compute(lab.state)"
    make = f"from bnteach import labs\nlab = labs.{name}({STARTS.get(name, '')})"
    return [make, begin, "lab", f"print(lab.read({frame}))"]


@pytest.fixture(scope="module")
def notebook(jupyterlab, window):
    """One notebook for all labs: opening a page takes longer than most of these tests."""
    with opened_notebooks(jupyterlab, window) as open_one:
        yield open_one(cells=[source for name in NAMES for source in cells_of(name)])


@pytest.fixture(scope="module", params=NAMES)
def lab(request, notebook):
    """A lab in the notebook, one after the other; a lab stays for all tests that take it."""
    first = 4 * NAMES.index(request.param)
    for number in range(first, first + 3):
        notebook.run_cell(number)
    view = notebook.lab(first + 2)
    view.name = request.param
    return view


def test_no_slider_and_no_switch_is_left_out():
    for name in set(labs.__all__) - {"Lab"}:
        controls = getattr(labs, name)().widgets.values()
        switches = {control.description for control in controls if isinstance(control, widgets.Checkbox)}
        sliders = {control.description for control in controls if "Slider" in type(control).__name__}
        assert (sliders, switches) == (set(SLIDERS[name]), set(SWITCHES.get(name, []))), name


def nothing_went_wrong(lab) -> bool:
    """No error in a cell or in the browser, and no output but the lab's own and that of the last cell."""
    outputs = [len(outputs) for outputs in lab.notebook.outputs()[lab.number - 2 :][:4]]
    return lab.notebook.errors() == [] and outputs in ([0, 0, 1, 0], [0, 0, 1, 1])


def test_every_control_by_keyboard_and_by_mouse(lab):
    for name in SLIDERS[lab.name]:
        slider = lab.slider(name)
        assert changes(lab, lambda slider=slider: press_inward(lab, slider)), f"{name} by keyboard"
        assert changes(lab, lambda slider=slider: drag_inward(lab, slider)), f"{name} by mouse"
    for name in SWITCHES.get(lab.name, []):
        box = lab.area.get_by_role("checkbox", name=name, exact=True)
        assert changes(lab, lambda box=box: lab.press(box, "Space")), f"{name} by keyboard"
        assert changes(lab, box.click), f"{name} by mouse"
    for one, other in CHOICES.get(lab.name, []):
        button = lab.area.get_by_role("button", name=one)
        assert changes(lab, lambda button=button: lab.press(button, "Enter")), f"{one} by keyboard"
        assert changes(lab, lab.area.get_by_role("button", name=other).click), f"{other} by mouse"
    for name in BUTTONS.get(lab.name, []):
        button = lab.area.get_by_role("button", name=name)
        assert changes(lab, lambda button=button: lab.press(button, "Enter")), f"{name} by keyboard"
        assert changes(lab, button.click), f"{name} by mouse"
    assert nothing_went_wrong(lab)


@pytest.mark.parametrize("lab", ANSWER_A_STORM, indirect=True)
def test_after_a_storm_of_moves_the_picture_is_that_of_the_slider(lab):
    """And no queue of old pictures is worked off after it."""
    page = lab.page
    lab.settled()
    page.evaluate(COUNT, lab.picture.element_handle())
    lab.storm(lab.slider(SLIDERS[lab.name][-1]), swings=10.3, moves=MOVES)
    page.mouse.up()
    lab.settled()
    shown = page.evaluate("() => window.shown")
    assert 0 < len(shown) < MOVES  # pictures that the next move made old are left out
    page.wait_for_timeout(500)
    assert page.evaluate("() => window.shown.length") == len(shown)
    lab.notebook.run_cell(lab.number + 1)
    words = lab.notebook.cell(lab.number + 1).locator(".jp-OutputArea-output")
    expect(words).to_have_text(lab.reading)
    assert nothing_went_wrong(lab)


def changes(lab, act) -> bool:
    """Whether the picture and the reading answer; in the lab of training, by beginning again."""
    if lab.name != "Training":
        return lab.changed_by(act) == (True, True)
    expect(lab.area.get_by_role("status")).to_contain_text(PAUSED)
    act()
    expect(lab.area.get_by_role("status")).to_contain_text("Press Start")
    lab.learn_a_little()
    return True


def press_inward(lab, slider) -> None:
    lab.press(slider, "ArrowRight" if how_far(slider) < 0.5 else "ArrowLeft")


def drag_inward(lab, slider) -> None:
    lab.drag(slider, 60 if how_far(slider) < 0.5 else -60)


def how_far(slider) -> float:
    """Where a slider stands, from 0 to 1."""
    low, now, high = (float(slider.get_attribute(f"aria-value{word}")) for word in ("min", "now", "max"))
    return (now - low) / (high - low)


def test_the_last_frame_of_a_drag_is_the_state_of_the_slider(open_notebook):
    notebook = open_notebook(
        cells=["from bnteach import labs\nlab = labs.Coupling(value=0.0)\nlab", "lab.state.value"]
    )
    notebook.run_all()
    lab = notebook.lab(0)
    slider = lab.slider("Its value")
    slider.focus()
    for key in ["ArrowRight"] * 14 + ["ArrowLeft"] * 3:
        notebook.page.keyboard.press(key)
    expect(lab.area.get_by_role("status")).to_contain_text("went from 2 to 2.75.")
    notebook.run_cell(1)
    expect(notebook.cell(1).locator(".jp-OutputArea-output")).to_have_text("2.75")


def test_before_it_is_run_a_notebook_shows_the_still(open_notebook, tmp_path):
    """A lesson shows the picture, as on GitHub and in a PDF, until it is run."""
    notebook = open_notebook(cells=["from bnteach import labs\nlabs.Sampler()"])
    notebook.run_all()
    (output,) = notebook.outputs()[0]
    assert set(output["data"]) >= {"image/png", "text/plain"}
    assert output["metadata"]["image/png"]["alt"].startswith("Each batch guesses")
    del output["data"]["application/vnd.jupyter.widget-view+json"]  # as in the lessons that are kept
    cell = nbformat.v4.new_code_cell("labs.Sampler()", outputs=[nbformat.from_dict(output)])
    path = tmp_path / "still.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": KERNEL}), path)
    still = open_notebook(path)
    expect(still.cell(0).locator(".jp-RenderedImage img")).to_be_visible()
    assert still.errors() == []
