"""Strict nbval, with the options of `make test`, fails where it should: shown on spoiled copies."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
CELL_OF_THE_MEAN, CELL_OF_THE_LAB, LAST_CODE_CELL = 2, 4, 7


def intact(cells):
    pass


def took_another_time(cells):
    cells[CELL_OF_THE_MEAN].source += '\nprint("took 1.25 s")'
    cells[CELL_OF_THE_MEAN].outputs[0].text += "took 35 ms\n"


def stored_number_changed(cells):
    output = cells[CELL_OF_THE_MEAN].outputs[0]
    assert "4." in output.text
    output.text = output.text.replace("4.", "5.")


def stored_number_of_an_exercise_changed(cells):
    stored_number_changed(cells)


def formula_changed(cells):
    assert "x.mean(axis=0)" in cells[LAST_CODE_CELL].source
    cells[LAST_CODE_CELL].source = "x.mean(axis=1)"


def error_in_a_lab_cell(cells):
    assert cells[CELL_OF_THE_LAB].metadata.tags == ["nbval-ignore-output"]
    cells[CELL_OF_THE_LAB].source += "\n1 / 0"


def lab_prints_something_else(cells):
    cells[CELL_OF_THE_LAB].source += "\nprint('once more')"


def meant_error_does_not_come(cells):
    cells[5].source = "None"


CASES = {  # what is changed, and the code cells that nbval must then see fail (it counts code cells from 0)
    intact: [],
    took_another_time: [],
    lab_prints_something_else: [],
    stored_number_changed: [1],
    stored_number_of_an_exercise_changed: [],
    formula_changed: [4],
    error_in_a_lab_cell: [2],
    meant_error_does_not_come: [3],
}


@pytest.fixture(scope="module")
def failures(built_once, tmp_path_factory) -> dict[str, list[int]]:
    """For each case, the code cells in which nbval failed; all cases in one run of pytest."""
    folder = tmp_path_factory.mktemp("spoiled")
    for change in CASES:
        notebook = nbformat.read(built_once.notebook, as_version=4)
        change(notebook.cells)
        kind = folder / "exercises" if "exercise" in change.__name__ else folder
        kind.mkdir(exist_ok=True)
        nbformat.write(notebook, kind / f"{change.__name__}.ipynb")
    options = runpy.run_path(str(ROOT / "start.py"))["NBVAL"]
    report = folder / "report.xml"
    options += ["-q", "-p", "conftest", f"--junitxml={report}"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTEST_ADDOPTS": "", "PYTHONPATH": str(ROOT / "tests")},
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    return failed_cells(report)


def failed_cells(report: Path) -> dict[str, list[int]]:
    failed: dict[str, list[int]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = re.search(r"(\w+?)(?:\.ipynb)?$", case.get("classname"))[1]
        cells = failed.setdefault(name, [])
        if case.find("failure") is not None or case.find("error") is not None:
            cells.append(int(case.get("name").split()[-1]))
    return failed


@pytest.mark.parametrize("change", CASES, ids=lambda change: change.__name__)
def test_nbval_fails_where_it_should_and_nowhere_else(failures, change):
    assert failures[change.__name__] == CASES[change]
