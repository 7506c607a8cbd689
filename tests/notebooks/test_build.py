"""Building: what is kept, what is taken out, what is built again, and what an error says."""

import IPython
import nbformat
import pytest

from bnteach.authoring import freshness
from bnteach.authoring.__main__ import main
from bnteach.authoring.build import build, build_all
from bnteach.authoring.execute import LessonError
from bnteach.authoring.freshness import reason_to_build, running_seconds
from bnteach.authoring.lessons import find_lessons, read_source
from tiny import TINY, write_lesson

TRACEBACKS = pytest.mark.skipif(
    IPython.version_info < (8, 10), reason="the build reads tracebacks as IPython 8.10 and newer write them"
)
BROKEN = TINY.replace("x.mean(axis=0)\n\n# %% tags", "y = 1\nx @ y\n\n# %% tags")


@TRACEBACKS
def test_a_second_build_gives_the_same_bytes(built):
    first = built.notebook.read_bytes()
    build(built)
    assert built.notebook.read_bytes() == first


@TRACEBACKS
def test_outputs_and_counts_are_kept_and_the_rest_is_not(built):
    notebook = nbformat.read(built.notebook, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4, 5, 6]
    assert code[1].outputs[0].text == "mean [2. 4.]\n"
    assert set(code[2].outputs[0].data) == {"image/png", "text/plain"}
    assert code[2].outputs[0].metadata == {"image/png": {"alt": "two by two pixels"}}
    (drawn,) = code[5].outputs
    assert drawn.metadata == {"image/png": {"alt": 'The same pixels: "x" as a picture'}}
    assert drawn.data["text/plain"] == 'Figure: The same pixels: "x" as a picture'
    assert code[5].metadata["jupyter"] == {"source_hidden": True}
    assert code[3].outputs[0].ename == "LinAlgError"
    assert not any("site-packages" in part for part in code[3].outputs[0].traceback)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_a_cell_added_above_leaves_the_ids_below(tmp_path):
    before = read_source(write_lesson(tmp_path / "a")).cells
    longer = TINY.replace("# %%\nx =", "# %%\n1 + 1\n\n# %%\nx =")
    after = read_source(write_lesson(tmp_path / "b", text=longer)).cells
    assert len({cell.id for cell in after}) == len(after) == len(before) + 1
    assert [cell.id for cell in after if cell.source != "1 + 1"] == [cell.id for cell in before]


def test_equal_cells_have_different_ids(tmp_path):
    cells = read_source(write_lesson(tmp_path, text="# %%\n1\n\n# %%\n1\n")).cells
    assert cells[0].id != cells[1].id


def test_only_what_changed_is_built(built, capsys, monkeypatch):
    assert reason_to_build(built) is None
    assert build_all([built]) == 0
    assert "up to date" in capsys.readouterr().out

    built.source.write_text(TINY.replace("6.0", "7.0"))
    assert reason_to_build(built) == "its source changed"
    assert build_all([built]) == 1
    assert "0 of" not in capsys.readouterr().out
    assert "mean [2.  4.5]" in built.notebook.read_text()

    built.notebook.write_text(built.notebook.read_text().replace("4.5", "4.4"))
    assert reason_to_build(built) == "the built file changed"
    built.notebook.unlink()
    assert reason_to_build(built) == "not built yet"


def test_a_change_of_the_package_is_a_reason_to_build(built, monkeypatch, tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "core.py").write_text("m = n - 1\n")
    monkeypatch.setattr(freshness, "PACKAGE", package)
    assert reason_to_build(built) == "bnteach changed"


@TRACEBACKS
def test_an_error_names_lesson_cell_and_line_and_leaves_the_old_notebook(built):
    before = built.notebook.read_bytes()
    built.source.write_text(BROKEN)
    line = BROKEN.splitlines().index("x @ y") + 1
    with pytest.raises(
        LessonError, match=rf"lesson 00_tiny, cell 8, 00_tiny.py line {line}: ValueError: matmul"
    ):
        build(built)
    assert built.notebook.read_bytes() == before
    assert reason_to_build(built) == "its source changed"


def test_the_command_ends_with_1_and_the_message(built, capsys):
    built.source.write_text(BROKEN)
    assert main(["notebooks", "--folder", str(built.folder)]) == 1
    assert "error: lesson 00_tiny, cell 8" in capsys.readouterr().err


def test_lessons_are_found_by_the_beginning_of_their_name(tmp_path):
    for name in ("00_a", "01_b", "02_c"):
        write_lesson(tmp_path, name)
    assert [lesson.name for lesson in find_lessons(tmp_path, ["02", "00"])] == ["00_a", "02_c"]
    with pytest.raises(ValueError, match="no lesson begins with '03'; there are 00_a, 01_b, 02_c"):
        find_lessons(tmp_path, ["03"])
    with pytest.raises(FileNotFoundError, match=r"no lessons: .*source has no \.py file"):
        find_lessons(tmp_path / "empty")


def test_deeper_lessons_come_after_the_numbered_ones(tmp_path):
    write_lesson(tmp_path, "00_a")
    deeper = tmp_path / "source" / "deeper"
    deeper.mkdir()
    (deeper / "ask_more.py").write_text("# %%\n1\n", encoding="utf-8")
    assert [lesson.label for lesson in find_lessons(tmp_path)] == ["00_a", "deeper/ask_more"]
    (lesson,) = find_lessons(tmp_path, ["ask"])
    build(lesson)
    assert (tmp_path / "deeper" / "ask_more.ipynb").exists()
    assert reason_to_build(lesson) is None


def test_the_running_time_is_kept(tmp_path):
    build(lesson := write_lesson(tmp_path, text="# %%\nimport time\n\ntime.sleep(0.6)\n"))
    assert 1 <= running_seconds(lesson) < 60
