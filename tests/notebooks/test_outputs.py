"""Where commands write: never over the project's own files, and nothing by halves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bnteach.authoring.__main__ import main
from bnteach.authoring.lessons import NOTEBOOKS
from bnteach.authoring.outputs import OutputError, write_all

PROJECT = NOTEBOOKS.parent


def refused(capsys, *arguments: str) -> str:
    """The one line that a command says which ends with status 2."""
    assert main(list(arguments)) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    return line


@pytest.fixture
def link(tmp_path) -> Path:
    (tmp_path / "link").symlink_to(NOTEBOOKS)
    return tmp_path / "link"


def places(link: Path) -> list[Path]:
    relative = Path(os.path.relpath(NOTEBOOKS))
    inside = [NOTEBOOKS, NOTEBOOKS / "exercises", NOTEBOOKS / "source", NOTEBOOKS / "new" / "folder"]
    return [
        *inside,
        link,
        link / "solutions",
        relative / "exercises",
        PROJECT / "tests" / ".." / "notebooks",
        PROJECT / "Notebooks" / "exercises",
        PROJECT / "bnteach",
        PROJECT / "tests" / "notebooks",
        PROJECT / ".git",
    ]


def test_no_command_writes_among_the_projects_own_files(link, tmp_path, capsys):
    (tmp_path / "handed").mkdir()
    before = sorted(NOTEBOOKS.rglob("*"))
    for place in places(link):
        for command in ("colab", "classroom"):
            assert "project's own files" in refused(capsys, command, "--out", str(place), "02")
        out = str(place / "report.csv")
        assert "project's own files" in refused(capsys, "grade", str(tmp_path / "handed"), "--out", out)
    assert sorted(NOTEBOOKS.rglob("*")) == before


def test_a_link_inside_the_folder_to_write_into_is_seen(tmp_path, capsys):
    (tmp_path / "exercises").symlink_to(NOTEBOOKS / "exercises")
    assert "project's own files" in refused(capsys, "colab", "--out", str(tmp_path), "02")
    assert [path.name for path in tmp_path.iterdir()] == ["exercises"]


WRITES = {
    "classroom": ["classroom", "02", "--out"],
    "colab": ["colab", "02", "--repo", "ada/bnteach", "--out"],
    "grade": ["grade", ".", "--out"],
}


@pytest.mark.parametrize("command", WRITES)
def test_a_file_in_the_way_is_told_in_a_line(command, tmp_path, capsys):
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        out = place / "report.csv" if command == "grade" else place
        line = refused(capsys, *WRITES[command], str(out))
        assert line.startswith("error: cannot write ")
        assert str(place) in line
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


def test_where_one_file_cannot_be_written_none_is(tmp_path):
    (tmp_path / "b.ipynb").mkdir()
    (tmp_path / "a.ipynb").write_text("old", encoding="utf-8")
    with pytest.raises(OutputError, match=r"cannot write .*b\.ipynb: Is a directory"):
        write_all({tmp_path / "a.ipynb": "new", tmp_path / "b.ipynb": "new"})
    assert (tmp_path / "a.ipynb").read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ipynb", "b.ipynb"]


@pytest.mark.parametrize("words", ["No space left on device", "Permission denied"])
def test_what_the_system_refuses_leaves_no_half_file(words, tmp_path, monkeypatch):
    def refuse(self, *args, **kwargs):
        self.touch()
        raise OSError(1, words)

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(OutputError, match=rf"cannot write .*a\.csv: {words}"):
        write_all({tmp_path / "a.csv": "new"})
    assert list(tmp_path.iterdir()) == []


def test_grade_wants_a_folder_a_csv_and_time(tmp_path, capsys):
    assert "expected a folder" in refused(capsys, "grade", str(tmp_path / "none"))
    readme = str(PROJECT / "README.md")
    assert "expected a name that ends with .csv" in refused(capsys, "grade", str(tmp_path), "--out", readme)
    assert "expected at least 1" in refused(capsys, "grade", str(tmp_path), "--cell-seconds", "0")
