"""How fast the labs answer the hand, beside the same pictures drawn by `interact` and `plt.show()`.

    make bench-labs                        every lab
    make bench-labs ARGS="Sampler Depth"   some of them
    make bench-labs ARGS="--presses 60"    more key presses a lab

Everything runs in one JupyterLab, in a headless Chromium. For each lab one slider is moved by the keyboard,
then dragged:

    answer      from the key press to changed pixels, in ms: median and 95th percentile
    interact    the same for the same picture by `interact`: a new figure, shown by `plt.show()`
    kernel      ms of kernel time that a frame takes, without messages and browser
    frames      pictures a second while the slider is dragged for two seconds
    lag         from the last move of the drag to the last picture, in ms
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import sync_playwright

from jupyterlab_server_process import JupyterLab
from notebook_page import LabView, NotebookPage, opened_notebooks
from which_browser import launch

# Lab -> the slider to move: its label, its name in the lab's state, and further arguments of the lab.
MOVED = {
    "BackpropGraph": ("Value of dy", "value", 'pattern="one"'),
    "Coupling": ("Its value", "value", ""),
    "Depth": ("Initial weight scale", "scale", ""),
    "GammaBeta": ("γ (scale)", "gamma", ""),
    "Jacobian": ("Scale", "scale", ""),
    "Landscape": ("Learning rate of the next step", "rate", ""),
    "Microscope": ("Scale of the input", "scale", ""),
    "Pruning": ("Threshold", "threshold", ""),
    "RunningStats": ("Batches seen", "batches", ""),
    "Sampler": ("Skew of the population", "skew", ""),
    "Shifts": ("Brightness", "brightness", ""),
    "WhichValues": ("Contrast of this digit", "contrast", ""),
}
GOAL = "goals: answer <= 75 ms (p95 <= 110), 3 x faster than interact, kernel <= 25 ms, lag <= 150 ms"

SETUP = """
import time
import matplotlib.pyplot as plt
%matplotlib inline
from ipywidgets import interact
from bnteach import labs
from bnteach.figures.style import DOTS_PER_INCH, style

lab = labs.{lab}({start})
control = lab.widgets["{control}"]
"""

# The usual way: a new figure at each move, with the lab's own computation and drawing.
INTERACT = """
other = labs.{lab}({start})

def picture(value):
    other.widgets["{control}"].unobserve_all("value")
    other.widgets["{control}"].value = value
    state = other.state
    with style():
        figure, axes = plt.subplots(1, len(other.panels), figsize=other.size, dpi=DOTS_PER_INCH,
                                    squeeze=False, width_ratios=other.panels, layout="constrained")
        other.background(list(axes[0]), state)
        other.draw(list(axes[0]), other.compute(state))
        plt.show()

slider = type(control)(**{{name: getattr(control, name) for name in
    ("value", "options", "min", "max", "step", "base") if hasattr(control, name)}}, description="moved")
interact(picture, value=slider);
"""

KERNEL_TIME = """
import statistics
by_place = hasattr(control, "index")  # a slider over a list of values
here = control.index if by_place else control.value
step, last = (1, len(control.options) - 1) if by_place else (2 * control.step, control.max)
there = here + step if here + step <= last else here - step
seconds = []
for n in range(40):
    begin = time.perf_counter()
    setattr(control, "index" if by_place else "value", here if n % 2 else there)
    seconds.append(time.perf_counter() - begin)
print(statistics.median(seconds) * 1000)
"""

# Notes when a key is pressed or the mouse moves, and each time the first picture of the cell is another one.
WATCH = """cell => {
    const image = () => cell.querySelector(".jp-OutputArea img");
    const mine = window.bench = {begin: 0, moved: 0, shown: [], source: image().src};
    document.addEventListener("keydown", () => { mine.begin = performance.now(); }, true);
    document.addEventListener("mousemove", () => { mine.moved = performance.now(); }, true);
    const look = () => {
        if (window.bench !== mine) return;  // another cell is watched now
        const now = image();
        if (now && now.complete && now.naturalWidth > 0 && now.src !== mine.source) {
            mine.source = now.src;
            mine.shown.push(performance.now());
        }
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""
NEXT = "count => window.bench.shown.length > count"
QUIET = "() => performance.now() - window.bench.shown.at(-1) > 250"
ANSWER = "() => window.bench.shown.at(-1) - window.bench.begin"


class Watched:
    """A cell's slider and picture, measured."""

    def __init__(self, page, cell, slider):
        self.page, self.slider = page, slider
        slider.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        page.evaluate(WATCH, cell.element_handle())

    def answers(self, presses: int) -> list[float]:
        """Milliseconds from each key press to the picture after it."""
        self.slider.focus()
        low, now, high = (
            float(self.slider.get_attribute(f"aria-value{word}")) for word in ("min", "now", "max")
        )
        keys = ["ArrowRight", "ArrowLeft"] if now - low < high - now else ["ArrowLeft", "ArrowRight"]
        found = []
        for n in range(presses + 4):
            shown = self.page.evaluate("() => window.bench.shown.length")
            self.page.keyboard.press(keys[n % 2])
            self.page.wait_for_function(NEXT, arg=shown, timeout=10_000)
            self.page.wait_for_function(QUIET, timeout=10_000)  # `interact` may show a picture in two steps
            found.append(self.page.evaluate(ANSWER))
        return found[4:]  # the first ones warm up

    def drag(self, lab: LabView) -> tuple[float, float]:
        """Pictures a second while dragging to and fro, and how late the last one is, in milliseconds."""
        self.page.evaluate("() => { window.bench.shown = []; }")
        lab.storm(self.slider, swings=4)
        self.page.wait_for_timeout(1500)
        self.page.mouse.up()
        shown, moved = self.page.evaluate("() => [window.bench.shown, window.bench.moved]")
        during = [moment for moment in shown if moment <= moved]
        spent = moved - (during[0] if during else moved)
        return (len(during) - 1) / spent * 1000 if spent else 0.0, max(shown[-1] - moved, 0.0)


def measure(server: JupyterLab, window, lab: str, presses: int) -> dict[str, float]:
    label, control, start = MOVED[lab]
    setup, usual = (text.format(lab=lab, control=control, start=start) for text in (SETUP, INTERACT))
    cells = [setup, "lab", KERNEL_TIME, usual]
    with opened_notebooks(server, window) as open_one:
        return measured(open_one(cells=cells), label, presses)


def measured(notebook: NotebookPage, label: str, presses: int) -> dict[str, float]:
    """The row of one lab, from a notebook of four cells: set-up, the lab, its kernel time, `interact`."""
    page = notebook.page
    notebook.run_all()
    assert notebook.errors() == [], notebook.errors()
    kernel = float(notebook.outputs()[2][0]["text"])
    lab_view = notebook.lab(1)
    ours = Watched(page, notebook.cell(1), lab_view.slider(label))
    answers = ours.answers(presses)
    frames, lag = ours.drag(lab_view)
    by_interact = Watched(page, notebook.cell(3), notebook.cell(3).get_by_role("slider").first)
    theirs = by_interact.answers(max(presses // 3, 5))
    return {
        "answer": median(answers),
        "p95": quantiles(answers, n=20)[-1],
        "interact": median(theirs),
        "faster": median(theirs) / median(answers),
        "kernel": kernel,
        "frames": frames,
        "lag": lag,
    }


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("labs", nargs="*", metavar="LAB", help=f"of {', '.join(MOVED)}")
    options.add_argument("--presses", type=int, default=30, help="key presses a lab")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        with JupyterLab(Path(folder) / "jupyter") as server:
            browser = launch(playwright)
            window = browser.new_context(viewport={"width": 1400, "height": 1000})
            print(
                f"{'lab':15}{'answer':>9}{'p95':>8}{'interact':>10}{'faster':>8}{'kernel':>8}{'frames':>8}{'lag':>7}"
            )
            for lab in chosen.labs or MOVED:
                row = measure(server, window, lab, chosen.presses)
                print(
                    f"{lab:15}{row['answer']:6.0f} ms{row['p95']:8.0f}{row['interact']:10.0f}"
                    f"{row['faster']:7.1f}x{row['kernel']:8.0f}{row['frames']:8.1f}{row['lag']:7.0f}",
                    flush=True,
                )
            browser.close()
    print(GOAL)


if __name__ == "__main__":
    main()
