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
    # Make tells an inner make how it was called; these runs are none of its business.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
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
