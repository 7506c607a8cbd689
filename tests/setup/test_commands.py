"""The commands of the Makefile: shown by `make help`, run in a fresh clone, and those that texts name."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {"lab", "test", "test-browser", "notebooks", "bench", "bench-labs", "lint", "clean"}

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess:
    # Without what an outer make passes on to an inner one.
    passed_on = ("MAKE", "MFLAGS", "PINS", "PYTHON", "TORCH_INDEX", "FORCE", "WORKERS", "ARGS")
    env = {name: value for name, value in os.environ.items() if not name.startswith(passed_on)}
    command = [shutil.which("make"), *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


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


@pytest.mark.parametrize(
    "file", ["README.md", ".ci/run", ".github/workflows/ci.yml", ".pre-commit-config.yaml"]
)
def test_the_commands_that_a_file_names_are_there(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`|run: |entry: )make ([a-z-]+)", text, re.MULTILINE))
    assert named
    assert named <= COMMANDS | {"help"}
