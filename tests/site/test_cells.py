"""A notebook as its page shows it: folded answers, moving labs, alt text, links, and how to run it."""

from __future__ import annotations

import nbformat
import pytest

from bnteach.authoring.colab import Repository
from bnteach.site.cells import fold, show_pictures
from bnteach.site.links import leads_to_pages, leads_to_the_web, mend_links
from bnteach.site.running import add_note

THERE = Repository("Ada/bnteach", "main", "notebooks")


@pytest.fixture
def lesson(folder):
    return nbformat.read(folder / "00_tiny.ipynb", as_version=4)


def test_the_outputs_that_answer_a_prediction_are_folded(lesson):
    fold(lesson.cells)
    folded = ["hide-output" in cell.metadata.get("tags", []) for cell in lesson.cells]
    assert folded == [False, False, False, True, True, False, False]


def test_a_lab_under_a_prediction_stays_open(lesson):
    predict, lab = lesson.cells[2], lesson.cells[1]
    fold([predict, lab])
    assert "tags" not in lab.metadata


def test_a_mention_of_predictions_folds_nothing(lesson):
    lesson.cells[2].source = "Where you read **Predict**, guess first."
    fold(lesson.cells)
    assert not any("hide-output" in cell.metadata.get("tags", []) for cell in lesson.cells)


def test_hidden_code_is_folded(lesson):
    lesson.cells[4].metadata["jupyter"] = {"source_hidden": True}
    fold(lesson.cells)
    assert "hide-input" in lesson.cells[4].metadata.tags


def test_a_lab_moves_and_a_figure_keeps_its_alt_text(lesson):
    show_pictures(lesson, "../_static/recordings")
    lab, figure = (lesson.cells[number].outputs[0].data["text/html"] for number in (1, 4))
    assert 'data-recording="../_static/recordings/Depth.js"' in lab
    assert "&quot;depth&quot;: 3" in lab
    assert 'alt="a &quot;deep&quot; lab"' in lab
    assert figure.startswith('<img alt="two" src="data:image/png;base64,')


def test_a_recording_inside_the_page_has_no_address(lesson):
    show_pictures(lesson, "")
    assert 'data-recording=""' in lesson.cells[1].outputs[0].data["text/html"]


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("[a](00_tiny.ipynb#b)", "[a](00_tiny.ipynb#b)"),
        ("[a](exercises)", "[a](exercises/index.md)"),
        ("[a](../LICENSE)", "[a](https://github.com/Ada/bnteach/blob/main/LICENSE)"),
        ("[a](#b), [c](https://d.org), [e](none.md)", "[a](#b), [c](https://d.org), [e](none.md)"),
    ],
)
def test_links_lead_to_pages_and_to_the_repository(text, mended, folder):
    assert mend_links(text, folder, leads_to_pages(folder, folder, THERE)) == mended


def test_a_link_to_nowhere_leaves_its_words(folder):
    leads = leads_to_pages(folder, folder, repository=None)
    assert mend_links("see [the rules](../LICENSE)", folder, leads) == "see the rules"


def test_a_link_from_below_goes_up(folder):
    below = folder / "exercises"
    assert mend_links("[a](../00_tiny.ipynb)", below, leads_to_pages(below, folder, None)) == (
        "[a](../00_tiny.ipynb)"
    )


def test_a_lesson_that_travels_alone_leads_to_the_web_or_nowhere(folder):
    text = "[a](exercises/00_tiny.ipynb#b)"
    assert mend_links(text, folder, leads_to_the_web(folder, None)) == "a"
    assert mend_links(text, folder, leads_to_the_web(folder, THERE)) == (
        "[a](https://ada.github.io/bnteach/exercises/00_tiny.html#b)"
    )


def test_pictures_in_the_text_come_along(folder):
    (folder / "dot.png").write_bytes(b"dot")
    leads = leads_to_the_web(folder, None)
    assert mend_links("![a dot](dot.png)", folder, leads) == (
        '<img alt="a dot" src="data:image/png;base64,ZG90">'
    )


def test_the_note_says_how_to_run_it(lesson):
    add_note(lesson, "00_tiny", "start here", repository=None)
    note = lesson.cells[0].source
    assert note.startswith("# 00 · Tiny\n\n<details")
    assert "start here, type `make lab`, and open `course/00_tiny.ipynb`" in note
    assert "Colab" not in note


def test_with_a_repository_the_note_leads_to_colab(lesson):
    add_note(lesson, "00_tiny", "start here", THERE)
    note = lesson.cells[0].source
    assert "https://colab.research.google.com/github/Ada/bnteach/blob/main/notebooks/00_tiny.ipynb" in note
    assert "--branch main https://github.com/Ada/bnteach\n%cd bnteach/notebooks" in note
