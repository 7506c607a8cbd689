"""The exercises: erased from their solutions, complete, unsolved in one notebook and right in the other."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from bnteach.authoring.__main__ import main
from bnteach.authoring.build import build
from bnteach.authoring.checks import problems_of
from bnteach.authoring.exercise_checks import verdicts_are_right
from bnteach.authoring.exercises import Exercise, Solution, find_exercises
from bnteach.authoring.lessons import code_cells, read_source
from tiny import TINY as LESSON
from tiny import write_lesson

ALL = find_exercises()

TINY = """\
# %% [markdown]
# # Exercises
# *10 minutes · after [the lesson](../00_tiny.ipynb)*

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
print("given")

# %% [markdown]
# Another word.

# %% [markdown]
# How far you are.

# %%
check.report()
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project") / "notebooks"
    write(folder, TINY)
    pair = find_exercises(folder)
    for one in pair:
        build(one)
    return pair


def write(folder: Path, text: str) -> None:
    """Write exercises into a folder of notebooks, which has their lesson."""
    (folder / "source" / "exercises").mkdir(parents=True)
    (folder / "source" / "exercises" / "00_tiny.py").write_text(text, encoding="utf-8")
    (folder / "00_tiny.ipynb").write_text("{}", encoding="utf-8")


def test_the_tiny_exercises_have_no_problem(tiny):
    assert [problem for one in tiny for problem in problems_of(one)] == []


@pytest.mark.parametrize("exercise", ALL, ids=lambda one: one.label)
def test_exercises_keep_the_rules(exercise):
    assert problems_of(exercise) == []
    nbformat.validate(nbformat.read(exercise.notebook, as_version=4))


def test_there_are_exercises_for_lessons_00_to_06():
    assert {"00", "01", "02", "03", "04", "05", "06"} <= {exercise.name[:2] for exercise in ALL}


def test_the_solution_is_shown_in_one_and_erased_in_the_other(tiny):
    solution, exercise = (one.notebook.read_text(encoding="utf-8") for one in tiny)
    assert "secret" in solution
    assert "SOLUTION" not in solution
    assert "secret" not in exercise
    assert "A docstring stays" in exercise
    assert "raise NotImplementedError()" in exercise


def test_the_verdicts_are_those_of_solved_and_unsolved_work(tiny):
    solution, exercise = (nbformat.read(one.notebook, as_version=4) for one in tiny)
    assert "✓ standardize: passed" in str(code_cells(solution)[1].outputs)
    assert "○ standardize: not attempted" in str(code_cells(exercise)[1].outputs)
    assert all(output.output_type != "error" for cell in code_cells(exercise) for output in cell.outputs)


SPOILED = {
    "does not say passed": (Solution, "x.mean(axis=0)) / secret", "x.mean(axis=0)) * secret"),
    "its last line is not check.NAME": (Solution, "check.standardize(standardize)", "print('passed')"),
    "no line \\*10 minutes": (Solution, "# *10 minutes · difficulty: 2 of 4*", "# 10 minutes"),
    "fewer than 3 hints": (Exercise, "<details>three</details>", ""),
    "0 cells that explain solutions": (Solution, '# %% [markdown] tags=["solution"]', "# %% [markdown]"),
    "imports: 4 lines in the first code cell, at most 3": (
        Solution,
        "import numpy as np\n",
        "import math\nimport time\nimport numpy as np\n",
    ),
    "does not link its lesson": (Exercise, "(../00_tiny.ipynb)", "../00_tiny.ipynb"),
    "the link ../00_other.ipynb leads nowhere": (Exercise, "# A word.", "# [A word](../00_other.ipynb)."),
    "has 8 cells, expected 9 to 16": (Exercise, "# %% [markdown]\n# Another word.\n", ""),
    "not the tag solution": (
        Exercise,
        'print("given")\n',
        "def f():\n    ### BEGIN SOLUTION\n    pass\n    ### END SOLUTION\n",
    ),
    "check.standardize is in 2 cells": (
        Solution,
        "# %%\ncheck.report()",
        "# <details>one</details> <details>two</details> <details>three</details>\n"
        "# *10 minutes · difficulty: 2 of 4*\n\n"
        '# %% tags=["solution"]\ncheck.standardize(standardize)\n\n'
        '# %% [markdown] tags=["solution"]\n# Explained.\n\n# %%\ncheck.report()',
    ),
    "cell 6 shows a solution": (
        Exercise,
        'print("given")',
        "def f(x, eps):\n  secret = np.sqrt(x.var(axis=0) + eps)\n\n  return (x - x.mean(axis=0)) / secret",
    ),
}


@pytest.mark.parametrize("problem", SPOILED)
def test_a_spoiled_source_is_reported(problem, tmp_path):
    kind, old, new = SPOILED[problem]
    assert old in TINY
    exercise = kind("00_tiny", tmp_path / "notebooks")
    write(exercise.folder, TINY.replace(old, new))
    build(exercise)
    (found,) = problems_of(exercise)
    assert re.search(problem, found)


def test_an_exercise_that_passes_unsolved_is_reported(tiny):
    notebook = nbformat.read(tiny[1].notebook, as_version=4)
    notebook.cells[3].outputs[0].data["text/plain"] = "✓ standardize: passed"
    notebook.cells[3].outputs[0].data["text/html"] = ""
    assert list(verdicts_are_right(tiny[1], notebook)) == ["cell 4: its check does not say not attempted"]


MISMARKED = {
    "no end": ("    ### END SOLUTION\n", ""),
    "no begin": ("    ### BEGIN SOLUTION\n", ""),
    "a space too many": ("### BEGIN SOLUTION\n", "### BEGIN SOLUTION \n"),
    "small letters in both": ("SOLUTION", "Solution"),
    "too few signs": ("### END SOLUTION", "## END SOLUTION"),
    "one in another": ("    secret = np", "    ### BEGIN SOLUTION\n    ### END SOLUTION\n    secret = np"),
}


@pytest.mark.parametrize("fault", MISMARKED)
def test_a_wrong_mark_stops_the_build_before_a_solution_is_seen(fault, tmp_path, capsys):
    old, new = MISMARKED[fault]
    assert old in TINY
    write(tmp_path, TINY.replace(old, new))
    (tmp_path / "source" / "00_tiny.py").write_text("# %%\n1", encoding="utf-8")
    with pytest.raises(ValueError, match=r"the cell that begins with 'def standardize\(x, eps\):'"):
        build(Exercise("00_tiny", tmp_path))
    assert not (tmp_path / "exercises" / "00_tiny.ipynb").exists()


def test_exercises_are_built_and_checked_with_the_lessons(tmp_path, capsys):
    write(tmp_path, TINY)
    write_lesson(tmp_path, text=LESSON + "#\n# [The exercise](exercises/00_tiny.ipynb), 10 minutes.\n")
    assert main(["notebooks", "--folder", str(tmp_path)]) == 0
    assert "3 of 3 lessons built" in capsys.readouterr().out
    assert main(["check", "--folder", str(tmp_path)]) == 0
    assert main(["notebooks", "--folder", str(tmp_path)]) == 0
    assert "exercises/00_tiny: up to date" in (out := capsys.readouterr().out)
    assert "0 of 3 lessons built" in out
    source = tmp_path / "source" / "exercises" / "00_tiny.py"
    source.write_text(TINY.replace("Another", "One more"), encoding="utf-8")
    assert main(["check", "--folder", str(tmp_path)]) == 1
    assert "solutions/00_tiny: cell 8 differs from its source" in (err := capsys.readouterr().err)
    assert "exercises/00_tiny: cell 7 differs from its source" in err
    source.unlink()
    assert main(["check", "--folder", str(tmp_path)]) == 1
    assert "exercises/00_tiny.ipynb: no source builds it" in capsys.readouterr().err


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
