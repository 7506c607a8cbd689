"""Notebooks for Colab: what is in them, and that one runs where there is nothing but Colab's packages.

The long way runs all of them, in another Python that has what tests/setup/colab.txt says:

    COLAB_PYTHON=/path/to/python make test ARGS="-k test_colab"
"""

from __future__ import annotations

import base64
import io
import lzma
import os
import random
import re
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from alone import make_kernel, run_alone
from bnteach.authoring import colab
from bnteach.authoring.__main__ import main
from bnteach.authoring.clean import clear_answers
from bnteach.authoring.colab import Repository, for_colab, repository_at, write_for_colab
from bnteach.authoring.colab_cells import INSTALLS, RESULTS_FOLDERS, UNPACKS, bring_bnteach
from bnteach.authoring.lessons import NOTEBOOKS, PLACES, code_cells
from bnteach.authoring.prose_checks import relative_links
from bnteach.authoring.wheel import built_wheel, packed

PACKAGE = NOTEBOOKS.parent / "bnteach"
PYTHON = os.environ.get("COLAB_PYTHON")
BUILT = sorted(
    path.relative_to(NOTEBOOKS).as_posix() for part in PLACES for path in (NOTEBOOKS / part).glob("*.ipynb")
)
ALWAYS = ["04_derive_the_backward_pass.ipynb", "exercises/01_measure_a_batch.ipynb"]
RUN = BUILT if PYTHON else ALWAYS
MOST_BYTES = 600_000
REPOSITORY = Repository("ada/bnteach", "main", "colab")


@pytest.fixture(scope="module")
def wheel() -> dict[str, bytes]:
    return built_wheel()


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """All notebooks, with an empty wheel inside."""
    folder = tmp_path_factory.mktemp("colab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(colab, "built_wheel", dict)
        write_for_colab(folder)
    return folder


@pytest.fixture
def kernel(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in; the kernel "alone" is made beside it."""
    make_kernel(tmp_path / "jupyter", PYTHON or sys.executable)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def carried(source: str) -> dict[str, bytes]:
    """The files inside a first cell."""
    text = re.search(r'PACKED = """\n(.*)\n"""\n', source, re.DOTALL)[1]
    with zipfile.ZipFile(io.BytesIO(lzma.decompress(base64.b64decode(text)))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def read(path: Path):
    return nbformat.read(path, as_version=4)


def test_every_lesson_exercise_and_solution_is_written(written):
    assert sorted(path.relative_to(written).as_posix() for path in written.rglob("*.ipynb")) == BUILT


@pytest.mark.parametrize("name", BUILT)
def test_a_cell_that_brings_bnteach_comes_first_and_no_output_is_left(written, wheel, name):
    before, after = read(NOTEBOOKS / name), read(written / name)
    nbformat.validate(after)
    first, *others = code_cells(after)
    clear_answers(before)
    assert [cell.source for cell in others] == [cell.source for cell in code_cells(before)]
    assert not any(cell.outputs or cell.execution_count for cell in code_cells(after))
    assert first.source.startswith(UNPACKS + '\nPACKED = """\n')
    assert first.source.endswith("\nbring_bnteach(PACKED)\nimport bnteach")
    assert first.metadata == {"cellView": "form", "jupyter": {"source_hidden": True}}
    assert (written / name).stat().st_size + len(packed(wheel)) < MOST_BYTES
    assert set(after.metadata) == {"kernelspec", "language_info"}


@pytest.mark.parametrize("name", BUILT)
def test_every_link_leads_to_a_written_notebook(written, name):
    path = written / name
    assert [link for link in relative_links(read(path)) if not (path.parent / link).exists()] == []


def test_a_notebook_carries_the_package_of_learners(wheel):
    notebook = for_colab(NOTEBOOKS / ALWAYS[0], NOTEBOOKS, wheel, None)
    files = carried(code_cells(notebook)[0].source)
    ours = {
        f"bnteach/{path.relative_to(PACKAGE).as_posix()}": path.read_bytes()
        for path in PACKAGE.rglob("*.py")
        if not {"authoring", "site"} & {*path.parts}
    }
    assert {file: text for file, text in files.items() if file.endswith(".py")} == ours
    about = next(text.decode() for file, text in files.items() if file.endswith("dist-info/METADATA"))
    assert "Requires-Dist: numpy>=2" in about


@pytest.mark.parametrize("name", BUILT)
def test_a_notebook_carries_its_results(written, name):
    files = carried(code_cells(read(written / name))[0].source)
    code = "\n".join(cell.source for cell in code_cells(read(NOTEBOOKS / name)))
    named = tuple(re.findall(r"(?:deeper/)?results/\w+", code))
    beside = (NOTEBOOKS / name).parent
    there = {path.relative_to(beside).as_posix() for path in beside.glob("**/results/*.json")}
    stored = {file for file in there if file.startswith(named)}
    assert bool(stored) == ("results/" in code)
    assert set(files) == stored


@pytest.mark.parametrize("name", RUN)
def test_a_notebook_runs_alone(wheel, kernel, name):
    notebook = for_colab(NOTEBOOKS / name, NOTEBOOKS, wheel, None)
    where = run_alone(notebook, kernel, "print(bnteach.__file__)")
    assert re.search(r"[\\/]bnteach-\w+[\\/]bnteach[\\/]__init__.py", where)
    assert {path.name for path in kernel.iterdir()} <= {"results", "deeper"}
    if name in ALWAYS:  # a kernel with joblib's workers is stopped by force, before it can tidy up
        assert not Path(where.strip()).exists()


def test_without_that_cell_nothing_is_known_of_bnteach_and_there_is_no_network(kernel):
    asks = """
from urllib.request import urlopen
for ask in ("import bnteach", "urlopen('https://pypi.org')"):
    try:
        exec(ask)
    except Exception as error:
        print(error)
"""
    told = run_alone(nbformat.v4.new_notebook(), kernel, asks)
    assert re.search(r"No module named 'bnteach'\n.*no network in this test: pypi\.org", told)


def test_the_first_cell_may_run_twice_and_after_a_restart(built, wheel, kernel):
    notebook = for_colab(built.notebook, built.folder, wheel, None)
    again = (
        code_cells(notebook)[0].source + "\nimport sys; print(sum('bnteach-' in path for path in sys.path))"
    )
    for _ in range(2):  # a new kernel each time, in the same folder
        assert run_alone(notebook.copy(), kernel, again) == "bnteach is here already.\n1\n"


def test_stored_results_come_along_and_are_not_replaced(built, wheel, kernel):
    lesson = read(built.notebook)
    lesson.cells.append(nbformat.v4.new_code_cell("print(open('results/00_kept.json').read())"))
    nbformat.write(lesson, built.notebook)
    (built.folder / "results").mkdir()
    (built.folder / "results" / "00_kept.json").write_text("theirs")
    (built.folder / "results" / "01_other.json").write_text("not for this lesson")
    look = "import os; print(os.listdir('results'), open('results/00_kept.json').read())"
    notebook = for_colab(built.notebook, built.folder, wheel, None)
    assert run_alone(notebook, kernel, look) == "['00_kept.json'] theirs\n"
    (kernel / "results" / "00_kept.json").write_text("mine")
    notebook = for_colab(built.notebook, built.folder, wheel, None)
    assert run_alone(notebook, kernel, look) == "['00_kept.json'] mine\n"

    there = for_colab(built.notebook, built.folder, {}, REPOSITORY)
    url = "https://raw.githubusercontent.com/ada/bnteach/main/notebooks/results/00_kept.json"
    assert f'urlretrieve("{url}", "results/00_kept.json")' in code_cells(there)[0].source


def test_stored_results_of_a_deeper_notebook_come_along(built, wheel, kernel):
    lesson, look = read(built.notebook), "print(open('deeper/results/00_more.json').read())"
    lesson.cells.append(nbformat.v4.new_code_cell(look))
    nbformat.write(lesson, built.notebook)
    (built.folder / "deeper" / "results").mkdir(parents=True)
    (built.folder / "deeper" / "results" / "00_more.json").write_text("theirs")
    assert run_alone(for_colab(built.notebook, built.folder, wheel, None), kernel, look) == "theirs\n"


def test_where_files_cannot_be_written_the_results_are_read_all_the_same(built, wheel, kernel, monkeypatch):
    lesson = read(built.notebook)
    lesson.cells.append(nbformat.v4.new_code_cell("print(open('results/00_kept.json').read())"))
    nbformat.write(lesson, built.notebook)
    (built.folder / "results").mkdir()
    (built.folder / "results" / "00_kept.json").write_text("theirs")
    (kernel / "results").write_text("a file in the way")
    notebook = for_colab(built.notebook, built.folder, wheel, None)
    assert run_alone(notebook, kernel, "print(open('results/00_kept.json').read())") == "theirs\n"
    assert "this notebook works in" in code_cells(notebook)[0].outputs[0].text

    monkeypatch.chdir(kernel)
    exec(RESULTS_FOLDERS.format(folders=["deeper/results"]), {})
    assert Path("deeper/results").is_dir()


def test_what_is_missing_is_named_and_nothing_changes(monkeypatch, capsys):
    about = "Metadata-Version: 2.1\nName: bnteach\nVersion: 9\n"
    about += "Requires-Dist: numpy>=99\nRequires-Dist: not-there>=1\nRequires-Dist: pytest\n"
    about += 'Requires-Dist: for-others; extra == "lab"\n'
    monkeypatch.setattr(sys, "modules", {k: v for k, v in sys.modules.items() if k != "bnteach"})
    before = list(sys.path)
    with pytest.raises(ImportError) as error:
        bring_bnteach(packed({"bnteach-9.dist-info/METADATA": about.encode()}))
    assert '%pip install "numpy>=99" "not-there>=1"\n' in str(error.value)
    assert sys.path == before


def test_an_error_in_the_first_cell_is_short(built, kernel):
    about = b"Metadata-Version: 2.1\nName: bnteach\nVersion: 9\nRequires-Dist: numpy>=99\n"
    more = {f"bnteach/{n}.py": random.Random(n).randbytes(1000) for n in range(100)}
    notebook = for_colab(built.notebook, built.folder, {"bnteach-9.dist-info/METADATA": about, **more}, None)
    with pytest.raises(CellExecutionError, match=r'%pip install "numpy>=99"'):
        run_alone(notebook, kernel)
    (output,) = code_cells(notebook)[0].outputs
    assert len("".join(output.traceback)) < 10_000


def test_the_same_sources_give_the_same_bytes(tmp_path, wheel):
    for path in write_for_colab(tmp_path, ["01_measure"]):
        notebook = for_colab(NOTEBOOKS / path.relative_to(tmp_path), NOTEBOOKS, wheel, None)
        assert nbformat.writes(notebook) + "\n" == path.read_text(encoding="utf-8")


def test_from_a_repository_a_notebook_installs_the_package_and_links_to_colab(built):
    there = "https://colab.research.google.com/github/ada/bnteach/blob/main/colab"
    text = nbformat.v4.new_markdown_cell(
        "[a](00_tiny.ipynb#one) [b](../notebooks/source/00_tiny.py) [c](#d) [e](https://f.org) ![g](h.png)"
    )
    lesson = read(built.notebook)
    lesson.cells.append(text)
    nbformat.write(lesson, built.notebook)
    (built.folder / "h.png").write_bytes(b"picture")

    notebook = for_colab(built.notebook, built.folder, {}, REPOSITORY)
    nbformat.validate(notebook)
    assert notebook.cells[0].source.endswith(f"]({there}/00_tiny.ipynb)")
    first = code_cells(notebook)[0].source
    assert first.startswith(INSTALLS)
    assert '    %pip install --quiet "git+https://github.com/ada/bnteach@main"\nimport bnteach' in first
    on_github = "https://github.com/ada/bnteach/blob/main/notebooks/source/00_tiny.py"
    raw = "https://raw.githubusercontent.com/ada/bnteach/main/notebooks/h.png"
    assert notebook.cells[-1].source == (
        f"[a]({there}/00_tiny.ipynb#one) [b]({on_github}) [c](#d) [e](https://f.org) ![g]({raw})"
    )

    alone = for_colab(built.notebook, built.folder, {}, None)
    picture = "data:image/png;base64," + base64.b64encode(b"picture").decode()
    assert alone.cells[-1].source == f"[a](00_tiny.ipynb#one) b [c](#d) [e](https://f.org) ![g]({picture})"


def test_a_branch_is_quoted_for_pip_and_for_colab_and_refused_where_pip_cannot_take_it():
    there = Repository("ada/bnteach", 'feature/ü"$x', "colab")
    assert there.package == "git+https://github.com/ada/bnteach@feature/%C3%BC%22%24x"
    assert "/blob/feature/%C3%BC%22%24x/colab/" in there.in_colab("a.ipynb")
    for branch in ("", "a@b", "a#b"):
        with pytest.raises(ValueError, match=f"the branch is {branch!r}, expected"):
            Repository("ada/bnteach", branch, "colab")


def test_the_place_in_the_repository_is_that_in_the_project(tmp_path):
    assert repository_at("ada/bnteach", "main", NOTEBOOKS.parent / "for" / "colab").folder == "for/colab"
    assert repository_at("ada/bnteach", "main", tmp_path / "sheets").folder == "sheets"


def test_the_command_writes_what_is_named_and_refuses_what_is_wrong(built, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["colab", "--folder", str(built.folder), "--out", str(out), "00"]) == 0
    assert re.search(r"00_tiny\.ipynb: \d+ kB", capsys.readouterr().out)

    def refused(*arguments: str) -> str:
        assert main(["colab", "--folder", str(built.folder), *arguments]) == 2
        return capsys.readouterr().err

    assert "no built notebook" in refused("--out", str(out), "77")
    assert "project's own files" in refused("--out", str(built.folder))
    assert "expected owner/name" in refused("--out", str(out), "--repo", "https://github.com/ada/bnteach")
