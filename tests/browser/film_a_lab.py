"""Films a lab in JupyterLab while its slider is moved: the moving picture of the README.

    python tests/browser/film_a_lab.py notebooks/pictures/microscope_lab.gif

It is the real lab, photographed in a headless browser at each position of the slider.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

import nbformat
from PIL import Image
from playwright.sync_api import sync_playwright

from jupyterlab_server_process import KERNEL, JupyterLab
from notebook_page import NotebookPage
from which_browser import launch

CELL = "from bnteach import labs\nlabs.Microscope(batch_norm=False, shift=0.0)"
SLIDER, SWITCH = "Shift of the input", "Batch normalization"
WIDTH, MILLISECONDS, COLORS = 860, 160, 96


def film(notebook: NotebookPage) -> list[Image.Image]:
    """Without BN the slider pushes the values into saturation; with BN it does nothing."""
    lab = notebook.lab(0)
    slider, frames = lab.slider(SLIDER), []
    switch = lab.area.get_by_role("checkbox", name=SWITCH, exact=True)

    def photograph(times: int = 1) -> None:
        lab.settled()
        frames.extend([Image.open(io.BytesIO(lab.area.screenshot())).convert("RGB")] * times)

    def move(key: str, times: int) -> None:
        for _ in range(times):
            lab.press(slider, key)
            photograph()

    photograph(4)
    move("ArrowRight", 9)
    photograph(3)
    switch.click()
    photograph(6)
    move("ArrowLeft", 9)
    photograph(3)
    switch.click()
    photograph(3)
    return frames


def save(frames: list[Image.Image], path: Path) -> None:
    """As a GIF that begins again; one palette for all frames, so that colors do not flicker."""
    small = [frame.resize((WIDTH, frame.height * WIDTH // frame.width), Image.LANCZOS) for frame in frames]
    palette = small[len(small) // 2].quantize(COLORS)
    flat = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in small]
    flat[0].save(path, save_all=True, append_images=flat[1:], duration=MILLISECONDS, loop=0, optimize=True)
    print(f"{path}: {len(flat)} frames, {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("path", type=Path)
    path = options.parse_args().path
    cells = [nbformat.v4.new_code_cell(CELL)]
    document = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        with JupyterLab(Path(folder) / "jupyter") as server:
            browser = launch(playwright)
            page = browser.new_page(viewport={"width": 1250, "height": 900})
            notebook = NotebookPage(page, server.url(server.add("film.ipynb", nbformat.writes(document))))
            notebook.run_all()
            save(film(notebook), path)
            browser.close()


if __name__ == "__main__":
    main()
