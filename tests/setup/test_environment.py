"""In step: the ranges of pyproject.toml, the pins of constraints.txt, and environment.yml for conda."""

import ast
import re
import runpy
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import bnteach

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
START = runpy.run_path(str(ROOT / "start.py"))
PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]


def for_python(python: str, lines: list[str]) -> list[Requirement]:
    """The requirements that hold for a version of Python, on Linux."""
    where = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    return [r for r in map(Requirement, lines) if r.marker is None or r.marker.evaluate(where)]


def pins(python: str, file: str = "constraints.txt") -> dict[str, str]:
    """Name -> version, as a file of pins has it."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    found = for_python(python, [line for line in lines if line and not line.startswith("#")])
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in found}


def required(python: str, *extras: str) -> dict[str, Requirement]:
    """Name -> what the package and the extras ask for directly."""
    lines = PROJECT["dependencies"] + [line for e in extras for line in PROJECT["optional-dependencies"][e]]
    return {canonicalize_name(r.name): r for r in for_python(python, lines)}


def imported_libraries(files: Iterable[Path]) -> set[str]:
    """The libraries that modules import, by the name they have on PyPI."""
    names = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.split(".")[0])
    on_pypi = {"sklearn": "scikit-learn", "PIL": "pillow", "IPython": "ipython", "bs4": "beautifulsoup4"}
    names -= set(sys.stdlib_module_names) | {"bnteach"}
    return {canonicalize_name(on_pypi.get(name, name)) for name in names}


@pytest.mark.parametrize("python", PYTHONS)
def test_every_requirement_has_a_pin_in_its_range(python):
    pinned = pins(python)
    asked = required(python, "lab", "test", "classroom", "cluster", "site", "fast")
    assert [str(r) for name, r in asked.items() if pinned.get(name, "0") not in r.specifier] == []


def test_conda_brings_what_the_lessons_and_the_tests_need_at_the_same_pins():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    (python,) = [entry.removeprefix("python=") for entry in entries if str(entry).startswith("python=")]
    (lines,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    index, constraints, package = lines
    assert index == f"--extra-index-url {START['CPU_INDEX']}"
    assert constraints == "-c constraints.txt"
    assert python in PYTHONS
    extras = re.fullmatch(r"-e \.\[([a-z,]+)\]", package)[1].split(",")
    brought = required(python, *extras)
    assert brought.keys() <= pins(python).keys()
    assert brought.keys() >= {
        "numpy",
        "torch",
        "matplotlib",
        "ipywidgets",
        "jupyterlab",
        "nbval",
        "pytest",
        "scikit-learn",
    }


def test_the_oldest_versions_are_the_lower_bounds():
    oldest = pins("3.10", "constraints-oldest.txt")
    for name, requirement in required("3.10").items():
        (bound,) = [limit.version for limit in requirement.specifier if limit.operator == ">="]
        assert Version(oldest[name]) == Version(bound), name


def test_what_the_package_imports_is_required():
    package = ROOT / "bnteach"
    of_authors = set((package / "authoring").rglob("*.py"))
    of_site = set((package / "site").rglob("*.py"))
    of_learners = set(package.rglob("*.py")) - of_authors - of_site
    # Keras is imported only where the stored results of lesson 12 are computed again.
    assert imported_libraries(of_learners) <= set(required("3.12", "keras"))
    assert imported_libraries(of_authors) <= set(required("3.12", "test"))
    assert imported_libraries(of_site) <= set(required("3.12", "test", "site"))


def test_the_version_is_the_same_in_the_package():
    assert bnteach.__version__ == PROJECT["version"]
