"""Every rule of a lesson is broken once, and must be the one that complains; numbers are counted by hand."""

from __future__ import annotations

import json

import nbformat
import pytest

from bnteach.authoring.__main__ import main
from bnteach.authoring.freshness import record_file
from bnteach.authoring.lessons import NOTEBOOKS, Deeper, Lesson, find_lessons, read_source
from bnteach.authoring.numbers import Numbers, numbers_of
from bnteach.authoring.rules import RULES
from bnteach.authoring.rules_table import table_of
from tiny import write_lesson

OPENING = """\
# %% [markdown]
# # 01 · A lesson
#
# *10 minutes · next: [02 · More](02_more.ipynb)*
#
# BN needs a mean, as in `bn.train()`. You take one. The result is $x. y$ and a number!

# %%
import numpy as np

# %% [markdown]
# **Predict.** What is the mean?
# $$m = \\\\frac{1}{n}
# \\\\sum x$$

# %%
x = np.array([1.0, 3.0])

print(x.mean())

# %% tags=["draws"] alt="Two points"
one = 1
two = 2

# %%
labs.Sampler()
"""
END = """
# %% [markdown]
# **Shown:** a mean. **Practice:** [the exercise](exercises/01_lesson.ipynb), 10 minutes.
# **Next:** [02 · More](02_more.ipynb)
"""
PICTURE = nbformat.v4.new_output("display_data", data={"image/png": "", "text/plain": "Two points"})


@pytest.fixture
def lesson(tmp_path) -> Lesson:
    """The first of two lessons; it has an exercise."""
    write_lesson(tmp_path, "02_more")
    (tmp_path / "source" / "exercises").mkdir()
    (tmp_path / "source" / "exercises" / "01_lesson.py").touch()
    record_file(tmp_path).write_text(json.dumps({"01_lesson": {"seconds": 30}}), encoding="utf-8")
    return write_lesson(tmp_path, "01_lesson", OPENING + END)


def as_built(lesson: Lesson, printed: str = "2.0\nmore\n") -> nbformat.NotebookNode:
    notebook = read_source(lesson)
    notebook.cells[3].outputs = [nbformat.v4.new_output("stream", text=printed)]
    notebook.cells[4].outputs = [PICTURE]
    notebook.cells[5].outputs = [PICTURE]
    return notebook


def broken(lesson: Lesson, notebook: nbformat.NotebookNode | None = None) -> list[str]:
    return [problem for rule in RULES for problem in rule(lesson, notebook or as_built(lesson))]


def test_the_numbers(lesson):
    numbers = numbers_of(lesson, as_built(lesson))
    assert numbers == Numbers(
        cells=7,
        words=41,
        code=4,
        draws=2,
        figures=1,
        labs=1,
        formulas=1,
        printed=2,
        predictions=1,
        seconds=30,
    )
    assert numbers.minutes == round(41 / 100 + 4 / 8 + 1 + 2 / 15 + 1.5 + 5 + 30 / 60)


def test_a_short_lesson_keeps_the_rules(lesson):
    assert broken(lesson) == []


def change(old: str, new: str, *problems: str):
    """A parameter: what is replaced in the source, and the problems that must follow."""
    return pytest.param(old, new, list(problems), id=problems[0])


LONG = "# %% [markdown]\n# **Shown"
IMPORTS = "import numpy as np\n"
CHANGES = [
    change(LONG, "# %%\n1\n\n" * 26 + LONG, "cells: 33, at most 32"),
    change("a mean.", "word " * 1700, "words: 1739, at most 1600"),
    change("labs.Sampler()", "x = 1\n" * 120 + "labs.Sampler()", "code: 124, at most 120"),
    change("two = 2", "two = 2\n" * 40, "draws: 41, at most 40"),
    change("a mean.", "![a](b) " * 4, "figures: 5, at most 4"),
    change("labs.Sampler()", "labs.A(labs.B(labs.C()))", "labs: 3, at most 2"),
    change("labs.Sampler()", "1", "labs: 0, at least 1"),
    change("**Predict.**", "**Predict.**" * 26, "minutes: 47, at most 45"),
    change("10 minutes ·", "", "minutes: says none, reckoned 9: say 10 minutes in the first cell"),
    change("*10 minutes", "*9 minutes", "minutes: says 9, reckoned 9: say 10 minutes in the first cell"),
    change("*10 minutes", "*15 minutes", "minutes: says 15, reckoned 9: say 10 minutes in the first cell"),
    change(IMPORTS, IMPORTS + "y = 1\n", "imports: the first code cell does more than import"),
    change(IMPORTS, IMPORTS * 7, "imports: 7 lines in the first code cell, at most 6"),
    change("two = 2", "ImportError", "imports: cell 5 guards an import"),
    change("You take one.", "\n# - one\n", "opening: a list before the first code cell"),
    change("You take one.", "\n# 1. one\n", "opening: a list before the first code cell"),
    change(
        "You take one.",
        "Take one. And one?",
        "opening: 4 sentences before the first code cell, at most 3",
    ),
    change("[the exercise]", "[gone](x) [", "end: does not link the exercise, exercises/01_lesson.ipynb"),
    change("ipynb), 10 minutes", "ipynb)", "end: does not say the minutes of the exercise"),
    change("**Next:** [02 · More](02_more.ipynb)", "", "end: does not link the next lesson, 02_more.ipynb"),
]


@pytest.mark.parametrize(("old", "new", "problems"), CHANGES)
def test_a_broken_rule_is_named_with_its_number(lesson, old, new, problems):
    text = lesson.source.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    lesson.source.write_text(text.replace(old, new), encoding="utf-8")
    assert set(problems) <= set(broken(lesson)), broken(lesson)


def test_the_lab_may_be_in_the_second_half(lesson):
    source = lesson.source.read_text(encoding="utf-8").replace("labs.Sampler()", "1")
    lesson.source.write_text(source, encoding="utf-8")
    assert "labs: 0, at least 1" in broken(lesson)
    write_lesson(lesson.folder, "01b_more")
    assert "labs: 0, at least 1" not in broken(lesson)


def test_no_text_at_the_end(lesson):
    lesson.source.write_text(OPENING, encoding="utf-8")
    assert "end: no text after the last code cell" in broken(lesson)


@pytest.mark.parametrize("printed", ["True\n", "False", "True\nTrue\n", "np.True_"])
def test_true_alone_shows_nothing(lesson, printed):
    assert broken(lesson, as_built(lesson, printed)) == ["truth: cell 4 shows only True or False"]


@pytest.mark.parametrize("printed", ["", "equal: True", "True 2.0", "Truely"])
def test_more_than_true_is_a_result(lesson, printed):
    assert broken(lesson, as_built(lesson, printed)) == []


def test_deeper_lessons_may_have_many_cells_and_lead_back(lesson):
    deeper = Deeper("ask_more", lesson.folder)
    deeper.source.parent.mkdir()
    text = OPENING.replace("labs.Sampler()", "") + "# %%\n1\n\n" * 40 + END
    deeper.source.write_text(text.replace("*10", "*5"), encoding="utf-8")
    assert broken(deeper) == ["end: does not link a lesson, such as ../01_measure_a_batch.ipynb"]
    deeper.source.write_text(text.replace("*10", "*5").replace("(02_", "(../02_"), encoding="utf-8")
    assert broken(deeper) == []


def test_the_table_marks_what_is_above_its_limit_and_takes_the_source_as_it_is(lesson, capsys):
    lesson.source.write_text(OPENING.replace("two = 2", "two = 2\n" * 40) + END, encoding="utf-8")
    assert main(["rules", "--folder", str(lesson.folder), "01"]) == 0
    head, limits, row, *problems = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["lesson", "cells", "words", "code"]
    assert "32" in limits.split()
    assert row.split() == ["01_lesson", "7", "41", "4", "41!", "0", "1", "1", "0", "1", "30", "9", "10"]
    assert "01_lesson: draws: 41, at most 40" in problems


def test_the_table_has_a_row_for_each_lesson():
    assert len(table_of(find_lessons(NOTEBOOKS)).splitlines()) == 2 + len(find_lessons())
