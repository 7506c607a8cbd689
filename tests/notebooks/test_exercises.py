"""The exercises: erased from their solutions, complete, unsolved in one notebook and right in the other."""

from __future__ import annotations

import re

import nbformat
import pytest

from bnteach.authoring.build import build
from bnteach.authoring.checks import problems_of
from bnteach.authoring.exercise_checks import EXERCISE_CHECKS
from bnteach.authoring.exercises import Exercise, Solution, find_exercises
from bnteach.authoring.first_cell import FIRST_CELL
from bnteach.authoring.lessons import code_cells, read_source

ALL = find_exercises()

TINY = f"""\
# %% [markdown]
# # Exercises
# *10 minutes · after [the lesson](../00_tiny.ipynb)*

# %%
{FIRST_CELL}

# %%
import numpy as np

from bnteach import check

# %% [markdown]
# *10 minutes · difficulty: 2 of 4*
# <details>one</details> <details>two</details> <details>three</details>

# %% tags=["solution", "points-3"]
def standardize(x, eps):
    \"\"\"A docstring stays.\"\"\"
    ### BEGIN SOLUTION
    secret = np.sqrt(x.var(axis=0) + eps)
    return (x - x.mean(axis=0)) / secret
    ### END SOLUTION


check.standardize(standardize)

# %% [markdown] tags=["solution"]
# The secret is explained.

# %% [markdown]
# A word.

# %%
check.report()
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project") / "notebooks"
    (folder / "source" / "exercises").mkdir(parents=True)
    (folder / "source" / "exercises" / "00_tiny.py").write_text(TINY, encoding="utf-8")
    (folder / "00_tiny.ipynb").write_text("{}")
    pair = find_exercises(folder)
    for one in pair:
        build(one)
    return pair


@pytest.mark.parametrize("exercise", ALL, ids=lambda one: one.label)
def test_exercises_keep_the_rules(exercise):
    assert problems_of(exercise) == []
    nbformat.validate(nbformat.read(exercise.notebook, as_version=4))


def test_there_are_exercises_for_lessons_01_to_06():
    assert {"01", "02", "03", "04", "05", "06"} <= {exercise.name[:2] for exercise in ALL}


def test_the_solution_is_shown_in_one_and_erased_in_the_other(tiny):
    solution, exercise = (one.notebook.read_text(encoding="utf-8") for one in tiny)
    assert "secret" in solution
    assert "SOLUTION" not in solution
    assert "secret" not in exercise
    assert "A docstring stays" in exercise
    assert "raise NotImplementedError()" in exercise


def test_the_verdicts_are_those_of_solved_and_unsolved_work(tiny):
    solution, exercise = (nbformat.read(one.notebook, as_version=4) for one in tiny)
    assert "✓ standardize: passed" in str(code_cells(solution)[2].outputs)
    assert "○ standardize: not attempted" in str(code_cells(exercise)[2].outputs)
    assert all(output.output_type != "error" for cell in code_cells(exercise) for output in cell.outputs)


SPOILED = {
    "does not say passed": (Solution, "x.mean(axis=0)) / secret", "x.mean(axis=0)) * secret"),
    "its last line is not check.NAME": (Solution, "check.standardize(standardize)", "print('passed')"),
    "no line \\*10 minutes": (Solution, "# *10 minutes · difficulty: 2 of 4*", "# 10 minutes"),
    "fewer than 3 hints": (Exercise, "<details>three</details>", ""),
    "0 cells that explain solutions": (Solution, '# %% [markdown] tags=["solution"]', "# %% [markdown]"),
    "does not link its lesson": (Exercise, "(../00_tiny.ipynb)", "(../00_other.ipynb)"),
}


@pytest.mark.parametrize("problem", SPOILED)
def test_a_spoiled_source_is_reported(problem, tmp_path):
    kind, old, new = SPOILED[problem]
    assert old in TINY
    exercise = kind("00_tiny", tmp_path / "notebooks")
    exercise.source.parent.mkdir(parents=True)
    exercise.source.write_text(TINY.replace(old, new), encoding="utf-8")
    build(exercise)
    notebook = nbformat.read(exercise.notebook, as_version=4)
    found = [words for rule in EXERCISE_CHECKS for words in rule(exercise, notebook)]
    assert sum(bool(re.search(problem, words)) for words in found) == 1, found


def test_a_notebook_of_an_older_solution_is_reported(tiny):
    exercise = tiny[1]
    text = exercise.source.read_text(encoding="utf-8")
    try:
        exercise.source.write_text(text.replace("A word.", "Another word."), encoding="utf-8")
        assert any("differs from its source" in problem for problem in problems_of(exercise))
    finally:
        exercise.source.write_text(text, encoding="utf-8")


def test_erasing_leaves_the_rest_of_a_class_alone(tmp_path):
    exercise = Exercise("00_tiny", tmp_path)
    exercise.source.parent.mkdir(parents=True)
    exercise.source.write_text(
        '# %% tags=["solution"]\nclass Layer:\n'
        "    def one(self):\n        ### BEGIN SOLUTION\n        return 1\n"
        "        ### END SOLUTION\n\n    def two(self):\n        ### BEGIN SOLUTION\n        return 2\n"
        "        ### END SOLUTION\n\n    kept = 3\n",
        encoding="utf-8",
    )
    (cell,) = read_source(exercise).cells
    assert cell.source.count("raise NotImplementedError()") == 2
    assert "return" not in cell.source
    assert "def two(self):" in cell.source
    assert "    kept = 3" in cell.source
