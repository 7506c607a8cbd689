"""In step: the ranges of pyproject.toml, the pins of constraints.txt, and environment.yml for conda."""

import ast
import os
import re
import sys
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
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
PINNED = re.compile(r"[a-z0-9-]+==[0-9][0-9.]*")
PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]


def pins_for(python: str, text: str | None = None, file: str = "constraints.txt") -> dict[str, str]:
    """Name -> version as a file of pins has it for a version of Python, on Linux."""
    text = text or (ROOT / file).read_text(encoding="utf-8")
    pins: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pin = Requirement(line)
        if holds(pin.marker, python):
            name = canonicalize_name(pin.name)
            assert name not in pins, f"{name} is pinned twice for Python {python}"
            pins[name] = re.fullmatch(r"==([\w.]+)", str(pin.specifier))[1]
    return pins


def holds(marker: Marker | None, python: str) -> bool:
    where = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    return marker is None or marker.evaluate(where)


def required(python: str, extras: tuple[str, ...]) -> list[Requirement]:
    """What the package and the extras ask for directly."""
    lines = PROJECT["dependencies"] + [line for e in extras for line in PROJECT["optional-dependencies"][e]]
    return [r for r in map(Requirement, lines) if holds(r.marker, python)]


def out_of_step(python: str, pins: dict[str, str]) -> list[str]:
    """What the package and `make` require that has no pin, or a pin outside its range."""
    return [
        str(r)
        for r in required(python, ("lab", "test", "classroom", "cluster"))
        if not r.specifier.contains(pins.get(canonicalize_name(r.name), "0"))
    ]


def imported_libraries(folder: Path) -> set[str]:
    """The libraries that a folder of the package imports, by the name they have on PyPI."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.split(".")[0])
    on_pypi = {"sklearn": "scikit-learn", "PIL": "pillow", "IPython": "ipython"}
    return {on_pypi.get(name, name) for name in names - set(sys.stdlib_module_names) - {"bnteach"}}


def conda() -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Of environment.yml: the conda packages, the pip pins, and the other pip lines."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    (pip,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    packages = dict((entry + "=").split("=")[:2] for entry in entries if isinstance(entry, str))
    pins = dict(line.split("==") for line in pip if not line.startswith("-"))
    return packages, pins, [line for line in pip if line.startswith("-")]


def faults_of_environment(text: str) -> list[str]:
    """What conda, mamba or repo2docker would not take in an environment.yml, in words."""
    environment = yaml.safe_load(text)
    faults = [f"unknown key {key}" for key in set(environment) - {"name", "channels", "dependencies"}]
    if environment.get("channels") != ["conda-forge"]:
        faults.append("conda-forge is not the only channel")
    entries = environment.get("dependencies", [])
    for entry in (entry for entry in entries if isinstance(entry, str)):
        if not re.fullmatch(r"[a-z0-9_.-]+(=[0-9][\w.*]*)?", entry):
            faults.append(f"conda package {entry}")
    pips = [entry["pip"] for entry in entries if isinstance(entry, dict) and set(entry) == {"pip"}]
    if len(pips) != 1 or "pip" not in entries[: entries.index({"pip": pips[0]})]:
        return [*faults, "expected one list for pip, after the package pip"]
    for line in pips[0]:
        option, _, value = line.partition(" ")
        known = (option == "--extra-index-url" and value.startswith("https://")) or line == "-e ."
        if not known and not PINNED.fullmatch(line):
            faults.append(f"pip line {line}")
    return faults


@pytest.mark.parametrize("python", PYTHONS)
def test_every_requirement_has_a_pin_in_its_range(python):
    assert out_of_step(python, pins_for(python)) == []


def test_a_pin_missing_or_out_of_range_is_seen():
    pins = pins_for("3.12")
    assert out_of_step("3.12", {**pins, "ipywidgets": "9.0"}) == ["ipywidgets<9,>=7.7"]
    assert out_of_step("3.12", {name: pin for name, pin in pins.items() if name != "nbval"}) == [
        "nbval>=0.11"
    ]
    with pytest.raises(AssertionError, match="numpy is pinned twice"):
        pins_for("3.12", "numpy==2.0\nNumPy==2.1")


@pytest.mark.parametrize("python", PYTHONS)
def test_what_is_required_directly_is_the_same_in_conda(python):
    _, conda_pins, _ = conda()
    names = {canonicalize_name(r.name) for r in required(python, ("lab",))}
    assert set(conda_pins) == names


def test_conda_has_the_pins_of_constraints():
    packages, conda_pins, _ = conda()
    pins = pins_for(packages["python"])
    assert conda_pins == {name: pins[name] for name in conda_pins}


def test_conda_brings_a_python_that_is_allowed_and_the_cpu_build_of_torch():
    packages, _, other = conda()
    assert packages["python"] in PYTHONS
    assert "pip" in packages
    assert other == ["--extra-index-url https://download.pytorch.org/whl/cpu", "-e ."]


def test_conda_and_binder_can_read_the_environment():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert faults_of_environment(text) == []
    # Binder (repo2docker) takes the file at the top unless one of these folders is there.
    assert not any((ROOT / folder).exists() for folder in ("binder", ".binder"))


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("name: bnteach", "nane: bnteach", "unknown key nane"),
        ("  - conda-forge", "  - defaults", "conda-forge is not the only channel"),
        ("  - python=3.12", "  - python = 3.12", "conda package python = 3.12"),
        ("  - pip\n", "", "expected one list for pip, after the package pip"),
        ("numpy==", "numpy=", "pip line numpy=2"),
        ("- -e .", "- -e ..", "pip line -e .."),
    ],
)
def test_a_fault_in_the_environment_is_seen(right, wrong, fault):
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert right in text
    (found,) = faults_of_environment(text.replace(right, wrong, 1))
    assert found.startswith(fault)


def test_the_running_environment_has_the_pinned_versions():
    """Those of constraints.txt, or of another file that `make test PINS=...` was told."""
    from importlib.metadata import version

    file = os.environ.get("PINS", "constraints.txt")
    if not file:
        pytest.skip("the newest versions are wanted, whatever they are")
    python = ".".join(map(str, sys.version_info[:2]))
    pins = pins_for(python, file=file)
    for requirement in required(python, ("lab", "test")):
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin or file != "constraints.txt"
        if pin:
            assert Version(version(requirement.name)).public == pin, requirement.name


def lower_bound(requirement: Requirement) -> str | None:
    return next((one.version for one in requirement.specifier if one.operator == ">="), None)


def test_the_oldest_versions_are_the_lower_bounds():
    oldest = {name: Version(pin) for name, pin in pins_for("3.10", file="constraints-oldest.txt").items()}
    for requirement in required("3.10", ()):
        assert lower_bound(requirement), f"{requirement} has no lower bound"
        assert oldest[canonicalize_name(requirement.name)] == Version(lower_bound(requirement))


def test_what_the_package_imports_is_required():
    asked = {canonicalize_name(r.name) for r in required("3.12", ())}
    for room in (ROOT / "bnteach").iterdir():
        if room.is_dir() and room.name != "authoring":
            assert imported_libraries(room) <= asked, room.name
    assert imported_libraries(ROOT / "bnteach") <= asked | {
        canonicalize_name(r.name) for r in required("3.12", ("test",))
    }


def test_the_version_is_the_same_in_the_package():
    assert bnteach.__version__ == PROJECT["version"]


def test_no_pin_has_a_local_suffix():
    assert "+" not in re.sub(r"#.*", "", (ROOT / "constraints.txt").read_text(encoding="utf-8"))
