"""start.py makes the environment, then runs the program of a command."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIRST_PROGRAM = {
    "lab": "-m bnteach.authoring student",
    "test": "-m pytest -n 2 --dist loadfile --no-loadscope-reorder --nbval",
    "test-browser": "-m pytest -n 2 --dist worksteal tests/browser",
    "notebooks": "-m bnteach.authoring notebooks",
    "site": "-m bnteach.site build --out build/site",
    "bench": "tests/benchmarks/bench.py",
    "bench-labs": "tests/browser/bench_labs.py",
    "bench-site": "tests/browser/bench_site.py",
    "lint": "-m ruff check",
}
on_unix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for Python is a shell script")


def test_the_commands_are_all_here(start):
    assert set(start.module.COMMANDS) == {*FIRST_PROGRAM, "help", "clean"}


@pytest.mark.parametrize("command", FIRST_PROGRAM)
def test_a_command_makes_the_environment_first_and_once(start, command):
    venv, install, _, program, *_ = start.run(command)
    assert venv.endswith(f"-m venv {start.module.VENV}")
    assert re.match(r"-m pip install .*-c constraints.txt -e \.\[lab,test,.*classroom,cluster\]$", install)
    assert program.startswith(FIRST_PROGRAM[command])
    assert start.run(command)[0] == program


def test_every_program_of_a_command_runs(start):
    assert start.run("test")[-1].endswith(" tests bnteach")
    assert start.run("lint")[-1] == "-m bnteach.authoring check"
    assert start.run("lab")[-1].endswith(" course/00_meet_batch_normalization.ipynb")


def test_every_notebook_is_run(start):
    for name in ("00_a", "deeper/b", "solutions/00_a", "exercises/00_a"):
        notebook = start.module.ROOT / "notebooks" / f"{name}.ipynb"
        notebook.parent.mkdir(parents=True, exist_ok=True)
        notebook.touch()
    run = re.findall(r"notebooks.(\S+)\.ipynb", start.run("test")[-1])
    assert run == ["00_a", "deeper/b", "exercises/00_a", "solutions/00_a"]


def test_programs_share_the_cores_and_keep_what_they_compile(start):
    start.run("test-browser")
    wanted = {"OMP_NUM_THREADS": "1", "JOBLIB_MULTIPROCESSING": "0", "PYTHONDONTWRITEBYTECODE": ""}
    assert wanted.items() <= start.environment.items()


@pytest.mark.parametrize("file", ["pyproject.toml", "constraints.txt"])
def test_what_changed_is_installed_again(start, file):
    start.run("lab")
    later = time.time() + 5
    os.utime(start.module.ROOT / file, (later, later))
    assert start.run("lab")[0].startswith("-m pip install")


def test_what_builds_the_site_is_installed_for_those_who_build_it(start):
    assert "site" not in start.run("lab")[1]
    assert ".[lab,test,site," in start.run("site")[0]
    assert "bnteach.authoring" in start.run("lab")[0]


def test_the_settings(start):
    install = start.run("test", "PINS=constraints-oldest.txt")[1]
    assert install.endswith("-c constraints-oldest.txt -e .[lab,test]")
    assert re.match(r"-m pytest -n 0 .*-k a or b$", start.run("test", "ARGS=-k 'a or b'", "WORKERS=0")[0])
    assert start.run("notebooks", "FORCE=1") == ["-m bnteach.authoring notebooks --force"]
    start.module.READY.unlink()
    assert " -c " not in start.run("lab", "PINS=")[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lap"], "no command 'lap'; there are: help, lab"),
        (["lab", "-k"], "'-k' is no setting; expected NAME=VALUE"),
        (["lab", "PIN=x"], "NAME one of: ARGS, FORCE, PINS"),
        (["lab", "PINS=none.txt"], "There is no file .*none.txt"),
    ],
)
def test_what_is_not_there_is_named(start, arguments, words):
    with pytest.raises(SystemExit, match=words):
        start.run(*arguments)
    assert start.programs == []


def test_a_python_that_cannot_make_environments(start):
    start.failing = ["venv"]
    with pytest.raises(SystemExit, match="apt install python3-venv"):
        start.run("lab")
    assert not start.module.VENV.exists()


def test_what_failed_is_done_again(start):
    start.failing = ["pip"]
    with pytest.raises(SystemExit, match="1"):
        start.run("lab")
    assert start.programs[-1].endswith("cluster]")
    start.failing = []
    assert start.run("lab")[0].startswith("-m pip install")


def test_the_first_suitable_python_is_taken(start):
    start.failing = [sys.executable, "python3 -c", "python3.13 -c"]
    assert start.run("lab")[0].startswith("python3.12 -m venv")


def test_no_suitable_python(start):
    start.failing = ["-c import sys"]
    with pytest.raises(SystemExit, match=r"needs Python 3.10 to 3.14; tried: python2.7"):
        start.run("lab", "PYTHON=python2.7")


def test_an_older_python_can_read_it():
    ast.parse((ROOT / "start.py").read_text(encoding="utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize(
    ("platform", "folder", "ending"), [("win32", "Scripts", ".exe"), ("darwin", "bin", "")]
)
def test_windows_and_macos(started_on, monkeypatch, platform, folder, ending):
    monkeypatch.delattr(os, "geteuid", raising=False)
    start = started_on(platform)
    assert start.module.VENV / folder / f"python{ending}" == start.module.VENV_PYTHON
    assert "--allow-root" not in start.run("lab")[-1]
    assert not any("urlopen" in program for program in start.programs)
    assert start.run("lint")[2].startswith(str(start.module.VENV / folder / f"zizmor{ending} "))


def test_root_may_open_jupyterlab(start, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert "--allow-root" in start.run("lab")[-1]


def test_clean_removes_what_can_be_made_again(start):
    start.run("lab")
    kept, cache = start.module.ROOT / "course", start.module.ROOT / "bnteach" / "__pycache__"
    kept.mkdir()
    cache.mkdir(parents=True)
    start.run("clean")
    assert kept.exists()
    assert not cache.exists()
    assert not start.module.VENV.exists()


STAND_IN = """#!/bin/sh
case "$2" in
venv) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
jupyterlab) trap 'echo asked back; exit 7' INT; echo open; sleep 5 ;;
esac
"""


@on_unix
def test_without_make_and_interrupted(started_on, tmp_path):
    stand_in = tmp_path / "stand_in"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("cp", "mkdir", "sleep"):
        os.symlink(shutil.which(tool), tools / tool)
    env = {**os.environ, "PATH": str(tools)}
    command = [sys.executable, str(tmp_path / "start.py"), "lab", f"PYTHON={stand_in}", "TORCH_INDEX="]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=env, start_new_session=True
    ) as process:
        said = [process.stdout.readline(), process.stdout.readline()]
        os.killpg(process.pid, signal.SIGINT)
        said += process.stdout.readlines()
    assert "Making .venv" in said[0]
    assert said[1:] == ["open\n", "asked back\n"]
    assert process.returncode == 7
