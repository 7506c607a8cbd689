"""The commands of the Makefile: all there, shown by `make help`, each making the environment first."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {"lab", "test", "test-browser", "notebooks", "bench", "bench-labs", "lint", "clean"}

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str, folder: Path = ROOT, path: str | None = None) -> subprocess.CompletedProcess:
    # Make tells an inner make how it was called, and with what; these runs are none of its business.
    told = ("MAKE", "MFLAGS", "PINS", "PYTHON", "TORCH_INDEX", "FORCE", "WORKERS", "ARGS")
    env = {name: value for name, value in os.environ.items() if not name.startswith(told)}
    if path is not None:
        env["PATH"] = path
    return subprocess.run(
        [shutil.which("make"), *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def test_help_lists_every_command():
    shown = set(re.findall(r"^  make ([a-z-]+)", make("help").stdout, re.MULTILINE))
    assert shown == COMMANDS | {"help"}


@pytest.mark.parametrize("command", sorted(COMMANDS - {"clean"}))
def test_a_command_makes_the_environment_first(command, tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    planned = make("-n", command, folder=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "-m venv .venv" in planned.stdout
    assert "-c constraints.txt" in planned.stdout


def test_torch_index_is_asked_only_when_given(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    index = "https://download.pytorch.org/whl/cpu"
    assert "index-url" not in make("-n", "test", folder=tmp_path).stdout
    assert f"--extra-index-url {index}" in make("-n", "test", f"TORCH_INDEX={index}", folder=tmp_path).stdout


def test_other_versions_are_installed_when_asked_for(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "constraints-oldest.txt"):
        shutil.copy(ROOT / name, tmp_path)
    oldest = make("-n", "test", "PINS=constraints-oldest.txt", folder=tmp_path).stdout
    assert "-c constraints-oldest.txt -e" in oldest
    newest = make("-n", "test", "PINS=", folder=tmp_path).stdout
    assert "pip install" in newest
    assert "-c constraints" not in newest


def test_windows_keeps_its_programs_elsewhere():
    assert ".venv/Scripts/python -m pytest" in make("-n", "test", "OS=Windows_NT").stdout
    assert ".venv/bin/python -m pytest" in make("-n", "test", "OS=").stdout


def test_without_a_suitable_python_the_message_says_what_is_needed(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    run = make("lab", f"PYTHON={old}", folder=tmp_path)
    assert run.returncode != 0
    assert f"bnteach needs Python 3.10 to 3.14; tried: {old}" in run.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_ci_script_runs_the_tests_and_the_style():
    text = (ROOT / ".ci" / "run").read_text()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert text.index("rm -rf .venv") < text.index("make test") < text.index("make lint")
