"""The doors between the rooms: who may import what, read from the source without running it."""

from __future__ import annotations

import ast
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "bnteach"

# A library with a guarded door, and the modules that may open it. Others may be imported anywhere but in
# core and check, which know NumPy alone; check needs one quantile of Student's t besides.
DOORS = {
    "torch": ["bnteach.torch_bridge*", "bnteach.training*"],
    "matplotlib": ["bnteach.figures*", "bnteach.labs.canvas"],
    "ipywidgets": ["bnteach.labs*"],
    "sklearn": ["bnteach.data", "bnteach.training*"],
    "scipy": ["bnteach.check.quantile", "bnteach.training*", "bnteach.labs*", "bnteach.figures*"],
    "jupytext": ["bnteach.authoring*"],
    "nbclient": ["bnteach.authoring*"],
    "nbformat": ["bnteach.authoring*"],
}

# The rooms that a room may know, besides itself. The map, bnteach/__init__.py, knows core.
ROOMS = {
    "core": set(),
    "data": {"core"},
    "torch_bridge": {"core"},
    "check": {"core"},
    "figures": {"core"},
    "training": {"core", "torch_bridge", "check", "figures", "data"},
    "labs": {"core", "torch_bridge", "check", "figures", "data", "training"},
    "authoring": set(),
    "__init__": {"core"},
}
NUMPY_ALONE = {"numpy"} | set(sys.stdlib_module_names)


def modules(package: Path) -> dict[str, Path]:
    """Module name -> file; a package's own __init__ has the name of the package."""
    names = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imports(name: str, path: Path) -> set[str]:
    """Full names of all that a module imports, also inside its functions; `from a import b` counts as a.b."""
    found = set()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{source}.{alias.name}" for alias in node.names}
    return found


def room(name: str) -> str:
    return [*name.split("."), "__init__"][1]


def known(own: str) -> set[str]:
    """The rooms that a room may know; who knows core may call it through the map, `import bnteach`."""
    return ROOMS[own] | ({"__init__"} if "core" in ROOMS[own] else set())


def shut_doors_opened(package: Path) -> list[str]:
    """Every import that the doors forbid, in words."""
    faults = []
    for name, path in modules(package).items():
        for imported in sorted(imports(name, path)):
            top = imported.split(".")[0]
            if top == "bnteach":
                other, own = room(imported), room(name)
                is_room = (package / other).is_dir() or (package / f"{other}.py").is_file()
                if is_room and other != own and other not in known(own):
                    faults.append(f"{name} imports {imported}")
            elif top in DOORS and any(fnmatch(name, door) for door in DOORS[top]):
                continue
            elif top in DOORS or (room(name) in ("core", "check") and top not in NUMPY_ALONE):
                faults.append(f"{name} imports {imported}")
    return faults


def test_the_doors_are_shut():
    assert shut_doors_opened(PACKAGE) == []


def test_every_room_is_on_the_plan():
    assert {room(name) for name in modules(PACKAGE)} <= set(ROOMS)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("core/functional.py", "import torch"),
        ("core/functional.py", "from scipy import stats"),
        ("core/functional.py", "from ..figures import style"),
        ("core/functional.py", "from bnteach import labs"),
        ("core/functional.py", "import bnteach"),
        ("core/functional.py", "def f():\n    from .. import torch_bridge"),
        ("figures/style.py", "import torch.nn"),
        ("figures/style.py", "from .. import labs"),
        ("torch_bridge/compare.py", "from ..training import loop"),
        ("labs/sampler.py", "from matplotlib import pyplot"),
        ("labs/sampler.py", "import torch"),
        ("training/loop.py", "from ipywidgets import VBox"),
        ("training/loop.py", "import bnteach.labs.canvas"),
        ("check/verdict.py", "import ipywidgets"),
        ("check/verdict.py", "from IPython.display import HTML"),
        ("check/running.py", "import torch"),
        ("check/running.py", "from scipy import stats"),
        ("check/running.py", "from .. import figures"),
        ("__init__.py", "from . import torch_bridge"),
    ],
)
def test_an_open_door_is_seen(tmp_path, file, line):
    for name in ("core", "figures", "labs", "training", "check", "torch_bridge"):
        (tmp_path / "bnteach" / name).mkdir(parents=True)
        (tmp_path / "bnteach" / name / "__init__.py").touch()
    (tmp_path / "bnteach" / "__init__.py").write_text("from .core import functional\n")
    assert shut_doors_opened(tmp_path / "bnteach") == []
    (tmp_path / "bnteach" / file).write_text(line + "\n")
    assert len(shut_doors_opened(tmp_path / "bnteach")) == 1


@pytest.mark.parametrize("module", ["bnteach", "bnteach.check"])
def test_import_brings_numpy_alone(module):
    heavy = "torch matplotlib ipywidgets IPython sklearn scipy tqdm"
    code = f"import sys, {module}; print(*sorted(set('{heavy}'.split()) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
