"""One folder with what students hand in, good and bad, graded once: each is judged, none stops the others."""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from bnteach.authoring.__main__ import main
from bnteach.authoring.exercises import Exercise, Solution
from bnteach.authoring.grade_report import width
from bnteach.authoring.grade_run import Limits, run_cells
from bnteach.authoring.lessons import NOTEBOOKS, code_cells, read_source

NAME = "02_normalize"
EXERCISES = ["standardize", "largest_x_hat_batch", "matching_rate"]
CELL_SECONDS = 3
WRONG = ("np.sqrt(var + eps)", "(np.sqrt(var) + eps)")
ENDLESS = "from bnteach.check import running\nrunning.SECONDS = 0.5  # a check's own limit\nwhile True: pass"


def given(kind: type[Solution], name: str = NAME) -> nbformat.NotebookNode:
    return read_source(kind(name, NOTEBOOKS))


def cell_of(notebook: nbformat.NotebookNode, exercise: str) -> nbformat.NotebookNode:
    return next(cell for cell in code_cells(notebook) if f"check.{exercise}(" in cell.source)


def careless() -> nbformat.NotebookNode:
    """All is right in it, but for everything around."""
    notebook = given(Solution)
    notebook.metadata.kernelspec = {"name": "conda-env-ml-py", "display_name": "ml", "language": "python"}
    around = [
        "%%time\n!echo pip",
        "name = input('your name? ')",
        "exit()",
        "import os, time; os.chdir('/'); time.sleep(0.3)",
    ]
    notebook.cells[0:0] = [new_code_cell(source) for source in around]
    notebook.cells.append(copy.deepcopy(cell_of(notebook, "standardize")))  # with the same id
    return notebook


def forged() -> nbformat.NotebookNode:
    """Nothing is done in it, an exercise is deleted; outputs and prints say that all is passed."""
    notebook = given(Exercise)
    notebook.cells.remove(cell_of(notebook, "largest_x_hat_batch"))
    passed = {"text/plain": "✓ standardize: passed\n3 of 3 passed"}
    for cell in code_cells(notebook):
        cell.outputs = [new_output("execute_result", passed, execution_count=1)]
    notebook.cells.append(new_code_cell("print('✓ standardize: passed\\n3 of 3 passed')"))
    return notebook


def stuck() -> nbformat.NotebookNode:
    """A loop in a cell, a loop in a function, and a cell that cannot be read."""
    notebook = given(Solution)
    notebook.cells.insert(0, new_code_cell(ENDLESS))
    loop = cell_of(notebook, "largest_x_hat_batch")
    loop.source = loop.source.replace("    return", "    while True: pass\n    return")
    unreadable = cell_of(notebook, "matching_rate")
    unreadable.source = unreadable.source.replace("def ", "def def ")
    return notebook


def dead() -> nbformat.NotebookNode:
    notebook = given(Solution)
    first = notebook.cells.index(cell_of(notebook, "standardize"))
    notebook.cells.insert(first + 1, new_code_cell("import os; os._exit(1)"))
    return notebook


def old() -> str:
    """The format of IPython 3, with a mistake in an exercise."""
    sources = [cell.source.replace(*WRONG) for cell in code_cells(given(Solution))]
    cells = [
        {"cell_type": "code", "input": source, "language": "python", "metadata": {}, "outputs": []}
        for source in sources
    ]
    sheet = {"cells": cells, "metadata": {}}
    return json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [sheet]})


@pytest.fixture(scope="module")
def grades(tmp_path_factory) -> dict[str, list[tuple[str, str, str]]]:
    """What the report says of each notebook handed in: exercise, state and detail."""
    folder = tmp_path_factory.mktemp("handed in")
    written = {
        "王 芳/02 (1).ipynb": json.dumps(careless()),
        "王 芳/.ipynb_checkpoints/02-checkpoint.ipynb": json.dumps(careless()),
        "dead.ipynb": json.dumps(dead()),
        "forged.ipynb": json.dumps(forged()),
        "list.ipynb": "[]",
        "no notebook/answer.txt": "3",
        "old.ipynb": old(),
        "other/01.ipynb": json.dumps(given(Solution, "01_measure_a_batch")),
        "page.ipynb": "<html>",
        "stuck.ipynb": json.dumps(stuck()),
    }
    for name, text in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    out = folder / "report.csv"
    assert main(["grade", str(folder), "--out", str(out), "--cell-seconds", str(CELL_SECONDS)]) == 0
    found: dict[str, list[tuple[str, str, str]]] = {}
    with open(out, encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["notebook"], []).append((row["exercise"], row["state"], row["detail"]))
            assert row["student"] == Path(row["notebook"]).parts[0].removesuffix(".ipynb")
    return found


def test_each_notebook_handed_in_is_in_the_report_and_nothing_else(grades):
    assert list(grades) == [
        *("dead.ipynb", "forged.ipynb", "list.ipynb", "no notebook", "old.ipynb", "other/01.ipynb"),
        *("page.ipynb", "stuck.ipynb", "王 芳/02 (1).ipynb"),
    ]


def test_what_stands_around_right_answers_costs_nothing(grades):
    assert grades["王 芳/02 (1).ipynb"] == [(name, "passed", "") for name in EXERCISES]


def test_stored_and_printed_verdicts_count_for_nothing_and_what_is_deleted_is_missing(grades):
    states = ["not attempted", "missing", "not attempted"]
    assert grades["forged.ipynb"] == [(*pair, "") for pair in zip(EXERCISES, states, strict=True)]


def test_an_old_format_is_read_and_a_mistake_is_named(grades):
    assert grades["old.ipynb"][0] == ("standardize", "not yet", "eps_outside")
    assert [state for _, state, _ in grades["old.ipynb"]] == ["not yet", "passed", "passed"]


def test_loops_are_stopped_and_the_cells_below_run(grades):
    *exercises, note = grades["stuck.ipynb"]
    details = [("passed", ""), ("not yet", ""), ("not yet", "SyntaxError")]
    assert exercises == [(name, *rest) for name, rest in zip(EXERCISES, details, strict=True)]
    first_line = ENDLESS.partition("\n")[0]
    assert note == ("", "not run to the end", f"a cell was stopped after {CELL_SECONDS} s: {first_line}")


def test_what_was_judged_before_a_kernel_ended_stands(grades):
    *exercises, note = grades["dead.ipynb"]
    assert [state for _, state, _ in exercises] == ["passed", "not run", "not run"]
    assert note == ("", "not run to the end", "a cell ended the kernel")


def test_a_notebook_of_another_lesson_is_graded_as_such(grades):
    assert {name for name, _, _ in grades["other/01.ipynb"]} == {*("scale_like_training", "variance_within")}
    assert {state for _, state, _ in grades["other/01.ipynb"]} == {"passed"}


def test_what_cannot_be_run_is_said_with_the_reason(grades):
    ((_, state, page),) = grades["page.ipynb"]
    assert state == "not run"
    assert "does not appear to be JSON" in page
    assert grades["no notebook"] == [("", "not run", "no notebook was handed in")]
    assert grades["list.ipynb"][0][1] == "not run"


def test_a_loop_that_cannot_be_interrupted_ends_with_the_time_of_the_notebook():
    loop = "import time\nwhile True:\n    try: time.sleep(1)\n    except BaseException: pass"
    run = run_cells([loop], Limits(cell=1, notebook=2))
    assert not run.ended
    assert run.notes == ["it took more than 2 s"]


def test_the_table_has_a_row_a_notebook_and_a_note_for_what_could_not_run(tmp_path, capsys):
    for name in ("张伟.ipynb", "li.ipynb"):
        nbformat.write(given(Exercise), tmp_path / name)
    (tmp_path / "page.ipynb").write_text("<html>", encoding="utf-8")
    assert main(["grade", str(tmp_path)]) == 0
    head, *rows, empty, note = capsys.readouterr().out.splitlines()
    assert head.split() == [NAME, *EXERCISES, "passed"]
    assert [row.split()[0] for row in rows] == ["li.ipynb", "张伟.ipynb"]
    assert [width(row.partition("0 of 3")[0]) for row in rows] == [head.index(" passed") + 1] * 2
    assert empty == ""
    assert note.startswith("page.ipynb: not run: ")
