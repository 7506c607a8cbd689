"""The site's commands: what they write, what they say, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("sphinx")

from bnteach.site import pages
from bnteach.site.__main__ import main

# Sphinx and its extensions warn each other of what they will change.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")


@pytest.fixture(autouse=True)
def without_recordings(monkeypatch, tmp_path):
    """No lab is recorded, and the work of other builds is left alone."""
    monkeypatch.setattr(pages, "write_recordings", lambda shown, folder, cache, thin: None)
    monkeypatch.setattr("bnteach.site.lesson_file.record", lambda folder, out, thin, names: None)
    monkeypatch.setattr(pages, "WORK", tmp_path / "work")


def build(folder: Path, *more: str) -> int:
    return main(["build", "--folder", str(folder), "--out", str(folder.parent / "site"), *more])


def test_a_site_is_built_and_what_changed_is_built_again(folder, capsys):
    lesson, page = folder / "00_tiny.ipynb", folder.parent / "site" / "00_tiny.html"
    assert build(folder) == 0
    assert "10 pages" in capsys.readouterr().out
    written = page.stat().st_mtime_ns
    assert build(folder) == 0
    assert page.stat().st_mtime_ns == written
    lesson.write_text(lesson.read_text().replace("It is 2.", "It is two."))
    assert build(folder) == 0
    assert "It is two." in page.read_text()


def test_a_changed_style_is_taken_over(folder, monkeypatch):
    assert build(folder) == 0
    style = folder.parent / "site" / "_static" / "pages.css"
    style.write_text("old")
    monkeypatch.setattr("bnteach.site.sphinx_run.fingerprint", lambda: "as if a file had changed")
    assert build(folder) == 0
    assert style.read_text() != "old"


def test_a_page_goes_with_its_notebook(folder):
    assert build(folder) == 0
    (folder / "exercises" / "00_tiny.ipynb").unlink()
    assert build(folder) == 1  # the lesson links it
    assert not (folder.parent / "site" / "exercises" / "00_tiny.html").exists()


def test_formulas_are_mathml_and_outputs_are_folded(folder):
    assert build(folder) == 0
    page = (folder.parent / "site" / "00_tiny.html").read_text()
    assert "<mfrac><mn>1</mn><mn>2</mn></mfrac>" in page
    assert page.count("Show the output") == 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [("[a](#nowhere)", "nowhere"), ("$\\nosuchcommand$", "nosuchcommand"), ("[a](none.ipynb)", "none.ipynb")],
)
def test_what_is_wrong_in_a_page_is_told(wrong, words, folder, capsys):
    lesson = folder / "00_tiny.ipynb"
    lesson.write_text(lesson.read_text().replace("It is 2.", wrong.replace("\\", "\\\\")))
    assert build(folder) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: something is wrong in the pages:\n/00_tiny.ipynb:")
    assert words in said


def test_a_folder_with_other_files_is_left_alone(folder, capsys):
    (folder.parent / "site").mkdir()
    (folder.parent / "site" / "mine.txt").write_text("kept")
    assert build(folder) == 2
    assert "has other files in it" in capsys.readouterr().err
    assert [path.name for path in (folder.parent / "site").iterdir()] == ["mine.txt"]


def test_nothing_is_written_among_the_notebooks_or_over_a_file(folder, capsys):
    (folder.parent / "file").write_text("kept")
    for out, words in {
        folder / "site": "project's own files",
        folder.parent / "file": "it is a file",
    }.items():
        assert main(["build", "--folder", str(folder), "--out", str(out)]) == 2
        assert words in capsys.readouterr().err
    assert not (folder / "site").exists()


def test_a_lesson_is_one_file_with_all_inside(folder, capsys):
    out = folder.parent / "mail" / "tiny.html"
    assert main(["lesson", "00", "--folder", str(folder), "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"{out}: ")
    page = out.read_text()
    assert "<title>00 · Tiny</title>" in page
    assert "<link" not in page
    assert "src=" not in page.replace('src="data:', "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["44", "--out", "a.html"], "no lesson begins with '44'; there are 00_tiny, exercises/00_tiny"),
        (["", "--out", "a.html"], "several lessons begin with ''"),
        (["00", "--out", "a.txt"], "expected a name that ends with .html"),
        (["00", "--out", "notebooks/a.html"], "project's own files"),
        (["00", "--repo", "ada", "--out", "a.html"], "the repository is 'ada', expected owner/name"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(arguments, words, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert main(["lesson", *arguments, "--folder", "notebooks"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert words in line
