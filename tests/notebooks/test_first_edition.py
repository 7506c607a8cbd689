"""What the lessons of the first edition keep. Delete this file with bnteach/authoring/first_edition.py."""

import nbformat
import pytest

from bnteach.authoring.first_cell import begins_with_first_cell
from bnteach.authoring.first_edition import goals_open_and_close, reckoned_minutes, time_is_said
from bnteach.authoring.lessons import Lesson

OPENING = "# A lesson\n\n## What you will be able to do\n* Take a mean.\n* Read a picture."
CLOSING = "## What you can do now\n* [x] Take a mean: 2 and 4.\n* [x] Read a picture."


def notebook_of(*texts):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text) for text in texts])


@pytest.mark.parametrize(
    ("opening", "closing", "problem"),
    [
        (OPENING, CLOSING.replace("* [x] Read a picture.", ""), "opens with 2 goals and closes with 1"),
        (OPENING, CLOSING.replace("mean", "median"), "the goal 'Take a mean.' is 'Take a median: 2 and 4.'"),
        ("# A lesson", CLOSING, 'no list under the heading "What you will be able to do"'),
        (OPENING, "Goodbye.", 'no list under the heading "What you can do now"'),
    ],
)
def test_goals_open_and_close(opening, closing, problem):
    assert list(goals_open_and_close(None, notebook_of(OPENING, CLOSING))) == []
    (found,) = goals_open_and_close(None, notebook_of(opening, closing))
    assert problem in found


def test_the_first_code_cell_is_the_standard_one():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import bnteach")])
    assert len(list(begins_with_first_cell(Lesson("07_a", None), notebook))) == 1


def test_the_minutes_must_fit_the_length():
    words = nbformat.v4.new_markdown_cell("*10 minutes*\n\n" + "word " * 2600)
    code = nbformat.v4.new_code_cell("x = 1\n" * 100 + "labs.Sampler()")
    assert round(reckoned_minutes(nbformat.v4.new_notebook(cells=[words, code]))) == 35
    assert len(list(time_is_said(None, nbformat.v4.new_notebook(cells=[words, code])))) == 1
    words.source = words.source.replace("*10", "*35")
    assert list(time_is_said(None, nbformat.v4.new_notebook(cells=[words, code]))) == []
    words.source = words.source.replace("*35 minutes*", "")
    assert len(list(time_is_said(None, nbformat.v4.new_notebook(cells=[words, code])))) == 1
