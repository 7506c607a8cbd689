"""The workflow for contributors, and the hooks before a commit: what they name exists, as it is pinned."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
TEXT = WORKFLOW.read_text(encoding="utf-8")
JOBS = yaml.safe_load(TEXT)["jobs"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]


def cells() -> list[dict]:
    """The runs of the job "test": system, python, versions, pins."""
    return JOBS["test"]["strategy"]["matrix"]["include"]


def lint(folder: Path) -> int:
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [str(zizmor), "--offline", "--no-progress", "--quiet", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_the_systems_and_versions_that_are_promised():
    runs = {(cell["system"].split("-")[0], cell["versions"]) for cell in cells()}
    assert {(system, "pinned") for system in ("ubuntu", "macos", "windows")} <= runs
    assert {("ubuntu", "oldest"), ("ubuntu", "newest")} <= runs
    assert {system.split("-")[0] for system in JOBS["browser"]["strategy"]["matrix"]["system"]} == {
        "ubuntu",
        "macos",
        "windows",
    }
    monthly = yaml.safe_load(TEXT)[True]["schedule"][0]["cron"].split()  # YAML reads the key "on" as True
    assert monthly[2].isdigit()
    assert monthly[3:] == ["*", "*"]


def test_what_a_run_is_told_is_there():
    files = {"pinned": "constraints.txt", "oldest": "constraints-oldest.txt", "newest": ""}
    for cell in cells():
        assert cell["pins"] == files[cell["versions"]]
        assert (ROOT / cell["pins"]).exists()
    used = set(re.findall(r"matrix\.(\w+)", TEXT))
    assert used == set(cells()[0])
    assert all(set(cell) == used for cell in cells())


def test_the_commands_are_those_of_the_makefile():
    called = set(re.findall(r"^\s*(?:- run:|entry:)? *make ([a-z-]+)", TEXT, re.MULTILINE))
    assert called == {"test", "test-browser", "lint"}
    assert all(re.search(rf"^{name}:", MAKEFILE, re.MULTILINE) for name in called)
    told = set(yaml.safe_load(TEXT)["env"]) | set(JOBS["test"]["env"])
    assert {name for name in told if name != "PYTHONUTF8"} == {"TORCH_INDEX", "PYTHON", "PINS"}
    assert all(re.search(rf"^{name} \?=", MAKEFILE, re.MULTILINE) for name in told - {"PYTHONUTF8"})


def test_the_files_that_it_names_are_there():
    assert all((ROOT / file).exists() for file in re.findall(r"-r (\S+\.txt)", TEXT))
    assert re.findall(r"-r (\S+\.txt)", TEXT)


def test_the_linter_finds_nothing():
    assert lint(ROOT / ".github") == 0


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("runs-on: ubuntu-latest", "run-on: ubuntu-latest"),
        ("contents: read", "contents: red"),
        ("- run: make lint", "- run: echo ${{ github.event.head_commit.message }}"),
        ("actions/checkout@v5", "somebody/checkout@v5"),
        ("persist-credentials: false", "fetch-depth: 0"),
    ],
)
def test_a_fault_in_the_workflow_is_seen(tmp_path, right, wrong):
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    assert right in TEXT
    (tmp_path / ".github" / "workflows" / "ci.yml").write_text(TEXT.replace(right, wrong), encoding="utf-8")
    assert lint(tmp_path / ".github") != 0


def test_the_hooks_use_the_pinned_versions():
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    asked = [
        line for repo in HOOKS for hook in repo["hooks"] for line in hook.get("additional_dependencies", [])
    ]
    assert {Requirement(line).name for line in asked} == {"ruff", "zizmor"}
    assert set(asked) <= set(constraints)


def test_the_last_hook_runs_the_check_of_the_notebooks():
    (hook,) = [hook for repo in HOOKS for hook in repo["hooks"] if hook["id"] == "lessons"]
    assert hook["entry"] == "make lint"
    assert re.search(hook["files"], "notebooks/source/00_meet_batch_normalization.py")
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1]
    assert "bnteach.authoring check" in recipe
