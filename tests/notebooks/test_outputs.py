"""Where commands write: never over the project's own files, and nothing by halves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bnteach.authoring import outputs
from bnteach.authoring.__main__ import main
from bnteach.authoring.lessons import NOTEBOOKS, Lesson
from bnteach.authoring.outputs import OutputError, write_all

WRITES = {
    "student": ["student", "--out"],
    "classroom": ["classroom", "--out"],
    "colab": ["colab", "--repo", "ada/bnteach", "--out"],
    "grade": ["grade", ".", "--out"],
}


@pytest.fixture
def project(built: Lesson, tmp_path, monkeypatch) -> Path:
    """A project to be spoiled: one built lesson, and one notebook of exercises."""
    monkeypatch.setattr(outputs, "PROJECT", tmp_path)
    exercises = built.folder / "source" / "exercises"
    exercises.mkdir()
    shutil.copy(NOTEBOOKS / "source" / "exercises" / "02_normalize.py", exercises)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys, command: str, out: Path) -> str:
    """The one line that a command says which ends with status 2."""
    out = out / "report.csv" if command == "grade" else out
    assert main([*WRITES[command], str(out), "--folder", "notebooks"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def files(project: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", WRITES)
def test_no_command_writes_among_the_projects_own_files(command, project, capsys):
    (project / "link").symlink_to("notebooks")
    before = files(project)
    for place in (
        *("notebooks", "notebooks/exercises", "notebooks/source", "notebooks/new/folder"),
        *("link", "link/solutions", "tests/../notebooks", "Notebooks/exercises"),
        *("bnteach", "tests/notebooks", ".git"),
    ):
        for path in (Path(place), project / place):
            assert "project's own files" in refused(capsys, command, path)
    assert files(project) == before


@pytest.mark.parametrize("command", WRITES)
def test_other_places_in_the_project_may_be_written(command, project):
    out = "for/colab/report.csv" if command == "grade" else "for/colab"
    (project / "handed in").mkdir()
    arguments = ["handed in" if argument == "." else argument for argument in WRITES[command]]
    assert main([*arguments, out, "--folder", "notebooks"]) == 0
    assert [path for path in (project / "for" / "colab").rglob("*") if path.is_file()]


def test_a_link_inside_the_folder_to_write_into_is_seen(project, capsys):
    (project / "out").mkdir()
    (project / "out" / "02_normalize").symlink_to(project / "notebooks")
    assert "project's own files" in refused(capsys, "classroom", Path("out"))
    assert not (project / "notebooks" / "02_normalize.ipynb").exists()


@pytest.mark.parametrize("command", WRITES)
def test_a_file_in_the_way_is_told_in_a_line(command, project, capsys):
    (project / "file").write_text("kept", encoding="utf-8")
    for place in (project / "file", project / "file" / "below"):
        line = refused(capsys, command, place)
        assert line.startswith("error: cannot write ")
        assert str(place) in line
    assert (project / "file").read_text(encoding="utf-8") == "kept"


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

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(OutputError, match=rf"cannot write .*a\.csv: {words}"):
        write_all({tmp_path / "a.csv": "new"})
    assert list(tmp_path.iterdir()) == []


def test_grade_wants_a_folder_a_csv_and_time(project, capsys):
    for wrong, words in {
        "none": "expected a folder",
        ". --out README.md": "expected a name that ends with .csv",
        ". --cell-seconds 0": "expected at least 1",
    }.items():
        assert main(["grade", *wrong.split(), "--folder", "notebooks"]) == 2
        assert words in capsys.readouterr().err
