"""A notebook open in JupyterLab in the browser, and a lab in it, as a student meets them."""

from __future__ import annotations

import contextlib
import re

import nbformat
from playwright.sync_api import Error, Page, expect

from jupyterlab_server_process import KERNEL

MINUTE = 60_000  # milliseconds, as Playwright counts

PAUSED = re.compile(
    r"^\s*Epoch"
)  # the reading of the lab of training; of a running one, it begins with "Running"
IDLE = "() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"

# Messages of JupyterLab itself, not of a notebook.
NOT_OURS = ("favicon", "Failed to load resource", "translation", "ResizeObserver loop")


def wait_for_kernel(page: Page) -> None:
    """Wait until a notebook that is being opened can be run: what is run earlier is lost."""
    page.wait_for_function("() => !!window.jupyterapp?.shell?.currentWidget?.content?.model", timeout=MINUTE)
    page.wait_for_function(IDLE, timeout=MINUTE)


@contextlib.contextmanager
def opened_notebooks(jupyterlab, window):
    """A function that opens notebooks; at the end they are closed and their kernels shut down.

    open_one(path) opens a copy of a notebook; open_one(cells=[...]) one made of these cells.
    """
    opened = []

    def open_one(path=None, *, cells=()):
        if path is None:
            sources = [nbformat.v4.new_code_cell(source) for source in cells]
            notebook = nbformat.v4.new_notebook(cells=sources, metadata={"kernelspec": KERNEL})
            name = jupyterlab.add(f"scratch-{jupyterlab.count}.ipynb", nbformat.writes(notebook))
        else:
            name = jupyterlab.add(path.name, path.read_text(encoding="utf-8"))
            jupyterlab.add_results_of(path)
        page = window.new_page()
        opened.append(page)
        return NotebookPage(page, jupyterlab.url(name))

    yield open_one
    for page in opened:
        page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        page.close()


class NotebookPage:
    """The notebook at `url`, opened; its kernel is ready."""

    def __init__(self, page: Page, url: str):
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)
        page.goto(url)
        wait_for_kernel(page)
        page.evaluate("() => jupyterapp.shell.collapseLeft()")

    def _hear(self, message) -> None:
        if message.type == "error" and not any(words in message.text for words in NOT_OURS):
            self.complaints.append(message.text)

    def run_all(self) -> None:
        """Run all cells and wait until the kernel is idle."""
        self.page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
        self.wait_idle()

    def wait_idle(self) -> None:
        self.page.wait_for_function(IDLE, timeout=5 * MINUTE)

    def run_cell(self, number: int) -> None:
        """Run one cell, counted from 0, by keyboard."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def cell(self, number: int):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def cells(self) -> list[dict]:
        """The cells, as they would be saved."""
        return self.page.evaluate("() => jupyterapp.shell.currentWidget.content.model.toJSON()")["cells"]

    def sources(self) -> list[str]:
        """The code of each cell; empty for a text."""
        return ["".join(cell["source"]) * (cell["cell_type"] == "code") for cell in self.cells()]

    def outputs(self) -> list[list[dict]]:
        """The outputs of each cell."""
        return [cell.get("outputs", []) for cell in self.cells()]

    def errors(self) -> list[str]:
        """What went wrong in any cell, and what the browser complained of."""
        raised = [
            f"{output['ename']}: {output['evalue']}"
            for outputs in self.outputs()
            for output in outputs
            if output["output_type"] == "error"
        ]
        broken = self.page.get_by_text("Error displaying widget").all_text_contents()
        return raised + broken + self.complaints

    def cells_with_widgets(self) -> list[int]:
        """The numbers of the cells that show a lab: a widget with a picture. A progress bar has none."""
        lab = {"application/vnd.jupyter.widget-view+json", "image/png"}
        cells = enumerate(self.outputs())
        return [n for n, outputs in cells if any(lab <= set(output.get("data", {})) for output in outputs)]

    def lab(self, number: int) -> LabView:
        """The lab shown by a cell, counted from 0."""
        return LabView(self, number)


class LabView:
    """A lab on the page: its controls, its picture, its reading."""

    def __init__(self, notebook: NotebookPage, number: int):
        self.notebook, self.page, self.number = notebook, notebook.page, number
        self.area = notebook.cell(number).locator(".jp-OutputArea")
        self.picture = self.area.locator("img.bnteach-picture")
        expect(self.picture).to_be_visible(timeout=MINUTE)
        self.picture.scroll_into_view_if_needed()

    @property
    def reading(self) -> str:
        return self.area.get_by_role("status").inner_text()

    def pixels(self) -> int:
        """A number that changes with the picture's pixels."""
        return self._image().evaluate(CHECKSUM)

    def changed_by(self, act) -> tuple[bool, bool]:
        """Whether the picture, and the reading, become different after act()."""
        picture, reading = self.settled()
        act()
        new_picture = self._wait_until(lambda: self.pixels() != picture)
        return new_picture, self._wait_until(lambda: self.reading != reading)

    def settled(self) -> tuple[int, str]:
        """The picture and the reading, once the last frame of what was done before has come."""
        now, before = (self.pixels(), self.reading), None
        while now != before:
            self.page.wait_for_timeout(200)
            before, now = now, (self.pixels(), self.reading)
        return now

    def _wait_until(self, happened, tries: int = 40) -> bool:
        for _ in range(tries):
            with contextlib.suppress(Error):  # the picture may be replaced while it is read
                if happened():
                    return True
            self.page.wait_for_timeout(50)
        return False

    def _image(self):
        return self.picture.element_handle()

    def slider(self, name: str):
        row = self.area.locator(".widget-inline-hbox", has=self.page.locator("label", has_text=name))
        return row.get_by_role("slider")

    def click(self, button: str) -> None:
        self.area.get_by_role("button", name=button, exact=True).click()

    def learn_a_little(self) -> None:
        """In the lab of training: start, wait for a curve, pause."""
        before = self.pixels()
        self.click("Start")
        if not self._wait_until(lambda: self.pixels() != before, tries=200):
            raise AssertionError("the picture did not move while learning")
        self.click("Pause")
        expect(self.area.get_by_role("status")).to_contain_text(PAUSED)

    def press(self, control, key: str) -> None:
        """Give a control the keyboard, and press a key."""
        control.focus()
        self.page.keyboard.press(key)

    def drag(self, slider, pixels: float) -> None:
        """Take a slider's handle with the mouse and move it sideways."""
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + pixels, y, steps=5)
        self.page.mouse.up()

    def storm(self, slider, *, swings: float, moves: int = 200, seconds: float = 2.0) -> None:
        """Take a slider's handle and sweep it over the whole track, to and fro, `swings` times.

        Afterwards the mouse is still down, at the last place. The moves are made in the page: Playwright
        would wait for the page after each one, and 200 moves would take 7 seconds, not 2.
        """
        slider.scroll_into_view_if_needed()
        handle = slider.bounding_box()
        track = slider.locator("xpath=ancestor::*[contains(@class, 'noUi-target')]").bounding_box()
        low, high, y = track["x"], track["x"] + track["width"], handle["y"] + handle["height"] / 2
        begin = (handle["x"] + handle["width"] / 2 - low) / (high - low)
        sweep = [abs((begin + 2 * swings * (n + 1) / moves + 1) % 2 - 1) for n in range(moves)]
        places = [low + (0.05 + 0.9 * place) * (high - low) for place in sweep]
        self.page.mouse.move(handle["x"] + handle["width"] / 2, y)
        self.page.mouse.down()
        self.page.evaluate(SWEEP, [places, y, 1000 * seconds])
        self.page.mouse.move(places[-1], y)


# Moves the mouse to all places in so many milliseconds; a move that is due is not left out, however late.
SWEEP = """([places, y, milliseconds]) => new Promise(done => {
    const begin = performance.now();
    let sent = 0;
    const send = () => {
        const due = Math.ceil(places.length * (performance.now() - begin) / milliseconds);
        for (; sent < Math.min(due, places.length); sent++)
            document.documentElement.dispatchEvent(
                new MouseEvent("mousemove", {clientX: places[sent], clientY: y, buttons: 1, bubbles: true}));
        sent < places.length ? setTimeout(send, 1) : done();
    };
    send();
})"""

# Waiting and reading are one function: between two, the lab could show its next picture.
CHECKSUM = """async image => {
    for (let tries = 0; tries < 500 && !(image.complete && image.naturalWidth > 0); tries++)
        await new Promise(done => setTimeout(done, 20));
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const data = new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    let sum = 0;
    for (const pixel of data) sum = (Math.imul(sum, 31) + pixel) | 0;
    return sum;
}"""
