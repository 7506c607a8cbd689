"""The commands: shown by `help`, the same for make, and those that texts name."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = set(runpy.run_path(str(ROOT / "start.py"))["COMMANDS"])
FILES = ["README.md", ".ci/run", ".github/workflows/ci.yml", ".pre-commit-config.yaml"]

with_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str, folder: Path) -> str:
    # Without what an outer make passes on to an inner one.
    passed_on = ("MAKE", "MFLAGS", "PINS", "PYTHON", "TORCH_INDEX", "FORCE", "WORKERS", "ARGS")
    env = {name: value for name, value in os.environ.items() if not name.startswith(passed_on)}
    command = [shutil.which("make"), *arguments, f"PYTHON={sys.executable}"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


@with_make
def test_help_lists_every_command():
    shown = set(re.findall(r"^  ([a-z-]+) ", make("help", folder=ROOT), re.MULTILINE))
    assert shown == COMMANDS


@with_make
def test_make_knows_every_command_and_hands_the_settings_on(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for command in COMMANDS:  # make takes a file of this name for what a command has made, unless told better
        (tmp_path / command).touch()
    (tmp_path / "start.py").write_text(
        "import os, sys; print(sys.argv[1:], *map(os.environ.get, ['ARGS', 'TORCH_INDEX', 'PINS']), sep='|')"
    )
    said = make(*sorted(COMMANDS), "ARGS=-k 'a or b'", "TORCH_INDEX=", folder=tmp_path)
    assert said.splitlines() == [f"['{command}']|-k 'a or b'||None" for command in sorted(COMMANDS)]


@pytest.mark.parametrize("file", FILES)
def test_the_commands_that_a_file_names_are_there(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`|run: |entry: )(?:make|python start\.py) ([a-z-]+)", text, re.MULTILINE))
    assert named
    assert named <= COMMANDS
