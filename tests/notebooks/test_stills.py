"""Read without a kernel: each lab is a still picture with alt text, in the notebook and in its HTML."""

from __future__ import annotations

import ast
import base64
import io
import json
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from PIL import Image

from bnteach import labs
from bnteach.authoring.clean import WIDGET_VIEW
from bnteach.authoring.lessons import NOTEBOOKS, PLACES, code_cells

BUILT = sorted(path for part in PLACES for path in (NOTEBOOKS / part).glob("*.ipynb"))
LESSONS = [path for path in BUILT if path.parent.name not in ("exercises", "solutions")]
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
MOST_BYTES_OF_WIDGETS = 100_000
MOST_BYTES = 1_000_000  # hosting sites show larger notebooks slowly, or not at all


def labs_in(source: str) -> list[str]:
    """The labs that a cell makes, by their class names."""
    code = "\n".join(line for line in source.splitlines() if not line.startswith(("%", "!")))
    calls = [node.func for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    attributes = [one for one in calls if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name)]
    return [one.attr for one in attributes if one.value.id == "labs" and one.attr[0].isupper()]


def stills(notebook) -> list[tuple[str, bytes]]:
    """Alt text and PNG file of every picture among the outputs, in order."""
    return [still for cell in code_cells(notebook) for still in stills_of(cell)]


def stills_of(cell) -> list[tuple[str, bytes]]:
    return [
        (output.metadata.get("image/png", {}).get("alt", ""), base64.b64decode(output.data["image/png"]))
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]


def labs_without_still(notebook) -> list[str]:
    """Labs whose cell has no picture that begins its alt text with the lab's title."""
    return [
        name
        for cell in code_cells(notebook)
        for name in labs_in(cell.source)
        if not any(alt.startswith(f"{getattr(labs, name).title}. ") for alt, _ in stills_of(cell))
    ]


def is_a_picture(png: bytes) -> bool:
    """A PNG file of more than one color, and large enough to read."""
    with Image.open(io.BytesIO(png)) as picture:
        darkest_to_lightest = picture.convert("RGB").getextrema()
        return picture.format == "PNG" and picture.width >= 300 and all(a < b for a, b in darkest_to_lightest)


def bytes_of_widgets(notebook) -> int:
    """How much JSON of widgets is saved with the notebook."""
    kinds = (WIDGET_VIEW, WIDGET_STATE)
    data = [output.get("data", {}) for cell in code_cells(notebook) for output in cell.outputs]
    return sum(len(json.dumps(one[kind])) for one in data for kind in kinds if kind in one)


class Images(HTMLParser):
    """Collects the alt texts of the pictures in a page, and the kinds of its scripts."""

    def __init__(self, page: str):
        super().__init__()
        self.alts: list[str | None] = []
        self.kinds: set[str | None] = set()
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        about = dict(attributes)
        if tag == "img" and about.get("src", "").startswith("data:image/png"):
            self.alts.append(about.get("alt"))
        if tag == "script":
            self.kinds.add(about.get("type"))


exporter = cache(lambda template: HTMLExporter(template_name=template))


def page_of(notebook, template: str = "classic") -> Images:
    return Images(exporter(template).from_notebook_node(notebook)[0])


def read(path: Path):
    return nbformat.read(path, as_version=4)


def name_of(path: Path) -> str:
    return path.relative_to(NOTEBOOKS).as_posix()


@pytest.mark.parametrize("path", LESSONS, ids=name_of)
def test_each_lab_has_its_still_with_alt_text(path):
    assert labs_without_still(read(path)) == []


def test_labs_are_found_in_the_lessons():
    """So that the test above cannot pass by finding none."""
    shown = {name for path in LESSONS for cell in code_cells(read(path)) for name in labs_in(cell.source)}
    assert {"Depth", "Training", "Sampler", "Microscope", "GammaBeta", "RunningStats"} <= shown


@pytest.mark.parametrize("path", BUILT, ids=name_of)
def test_a_notebook_is_what_hosting_sites_show(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert "widgets" not in notebook.metadata
    assert bytes_of_widgets(notebook) < MOST_BYTES_OF_WIDGETS
    assert path.stat().st_size < MOST_BYTES
    assert all(alt and is_a_picture(png) for alt, png in stills(notebook))


def test_html_shows_every_still_with_its_alt_text_and_needs_no_kernel():
    notebook = read(LESSONS[0])
    page = page_of(notebook)
    assert page.alts == [alt for alt, _ in stills(notebook)] != []
    assert not page.kinds & {WIDGET_VIEW, WIDGET_STATE}


def test_html_by_the_default_template_shows_every_still():
    """The template "lab" of nbconvert 7.17 leaves the alt text out; the pictures are there."""
    notebook = read(LESSONS[0])
    assert len(page_of(notebook, "lab").alts) == len(stills(notebook))


@pytest.fixture
def with_a_lab():
    """A lesson with a lab, to be spoiled, and the output of the lab."""
    notebook = read(NOTEBOOKS / "03_scale_and_shift.ipynb")
    cell = next(cell for cell in code_cells(notebook) if labs_in(cell.source))
    return notebook, next(output for output in cell.outputs if "image/png" in output.get("data", {}))


def test_a_lab_without_picture_or_words_is_seen(with_a_lab):
    notebook, output = with_a_lab
    assert labs_without_still(notebook) == []
    output.metadata["image/png"]["alt"] = "A histogram."
    assert labs_without_still(notebook) == ["GammaBeta"]
    del output.data["image/png"]
    assert labs_without_still(notebook) == ["GammaBeta"]


def test_a_picture_without_words_is_seen_in_html(with_a_lab):
    notebook, output = with_a_lab
    del output.metadata["image/png"]["alt"]
    assert page_of(notebook).alts != [alt for alt, _ in stills(notebook)]
    assert "No description has been provided for this image" in page_of(notebook).alts


def test_an_empty_picture_is_seen():
    file = io.BytesIO()
    Image.new("RGB", (640, 480), "white").save(file, "png")
    assert not is_a_picture(file.getvalue())


def test_saved_widgets_are_seen(with_a_lab):
    notebook, output = with_a_lab
    assert bytes_of_widgets(notebook) == 0
    state = {"version_major": 2, "version_minor": 0, "state": {"a": {"value": "x" * 200_000}}}
    output.data[WIDGET_STATE] = state
    assert bytes_of_widgets(notebook) > MOST_BYTES_OF_WIDGETS
    notebook.metadata["widgets"] = {WIDGET_STATE: state}
    assert WIDGET_STATE in page_of(notebook).kinds
