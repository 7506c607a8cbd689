"""The doors between the rooms: who may import what, read from the source without running it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import bnteach

PACKAGE = Path(__file__).resolve().parents[2] / "bnteach"

# A library with a guarded door, and the modules that may open it. Others may be imported anywhere but in
# core and check, which know NumPy alone; check needs one quantile of Student's t besides, and PyTorch and the
# digits for exercises on a network of PyTorch, when they are checked.
DOORS = {
    "torch": [f"bnteach.{name}*" for name in ("torch_bridge", "training", "trials")]
    + [f"bnteach.check.lessons.{name}" for name in ("folding", "recalibrating")],
    "matplotlib": ["bnteach.figures*", "bnteach.labs.canvas", "bnteach.site.recorder"],
    "ipywidgets": ["bnteach.labs*"],
    "sklearn": ["bnteach.data", "bnteach.training*", "bnteach.trials*"],
    "scipy": ["bnteach.check.lessons.lesson_07"]
    + [f"bnteach.{name}*" for name in ("training", "trials", "labs", "figures")],
    "pandas": ["bnteach.training*", "bnteach.trials*", "bnteach.authoring*"],
    "jupytext": ["bnteach.authoring*"],
    "nbclient": ["bnteach.authoring*"],
    "nbformat": ["bnteach.authoring*", "bnteach.site*"],
    "sphinx": ["bnteach.site*"],
}

# The rooms that a room may know, besides itself. The map, bnteach/__init__.py, knows core.
TRAINING = {"core", "torch_bridge", "check", "figures", "data"}
ROOMS = {
    "core": set(),
    "data": {"core"},
    "torch_bridge": {"core"},
    "check": {"core", "data"},
    "figures": {"core"},
    "training": TRAINING,
    "trials": TRAINING | {"training"},
    "labs": TRAINING | {"training", "trials"},
    "authoring": set(),
    "site": {"labs", "figures", "authoring"},
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
            source = resolve_name("." * node.level + (node.module or ""), package).rstrip(".")
            found |= {f"{source}.{alias.name}" for alias in node.names}
    return found


def room(name: str) -> str:
    return [*name.split("."), "__init__"][1]


def in_another_trial(name: str, imported: str) -> bool:
    """True from one room of bnteach.trials to another one; what stands beside the rooms is open to all."""
    ends = {module.split(".")[2] for module in (name, imported) if module.startswith("bnteach.trials.")}
    return len(ends) == 2


def is_shut(name: str, imported: str, package: Path) -> bool:
    """True where the doors keep a module from an import."""
    own, library = room(name), imported.split(".")[0]
    if library != "bnteach":
        may_open = any(fnmatch(name, door) for door in DOORS.get(library, ["*"]))
        return not may_open or (own in ("core", "check") and library not in NUMPY_ALONE | set(DOORS))
    other = room(imported)
    if not ((package / other).is_dir() or (package / f"{other}.py").is_file()):
        other = "__init__"
    through_the_map = other == "__init__" and "core" in ROOMS[own]  # `import bnteach` brings core
    return in_another_trial(name, imported) or not (other in {own} | ROOMS[own] or through_the_map)


def shut_doors_opened(package: Path) -> list[str]:
    """Every import that the doors forbid, in words."""
    return [
        f"{name} imports {imported}"
        for name, path in modules(package).items()
        for imported in sorted(imports(name, path))
        if is_shut(name, imported, package)
    ]


def circle(package: Path) -> list[str]:
    """Modules that import one another in a circle, if there is one; imports for type checkers count."""
    paths = modules(package)
    needs = {
        name: {module_of(imported, paths) for imported in imports(name, path)} - {name, ""}
        for name, path in paths.items()
    }
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def module_of(imported: str, paths: dict[str, Path]) -> str:
    """The module that a full name is in: the longest beginning of the name that is one."""
    while imported and imported not in paths:
        imported = imported.rpartition(".")[0]
    return imported


def test_the_doors_are_shut():
    assert shut_doors_opened(PACKAGE) == []


def test_no_import_goes_in_a_circle():
    assert circle(PACKAGE) == []


@pytest.mark.parametrize(
    "line",
    [
        "from . import second",
        "if TYPE_CHECKING:\n    from .second import Thing",
        "def f():\n    import bnteach.second",
    ],
)
def test_a_circle_is_seen(tmp_path, line):
    package = tmp_path / "bnteach"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "second.py").write_text("from bnteach.first import Thing\n")
    (package / "first.py").touch()
    assert circle(package) == []
    (package / "first.py").write_text(line + "\n")
    assert set(circle(package)) == {"bnteach.first", "bnteach.second"}


def test_every_room_is_on_the_plan_and_on_the_map():
    rooms = {room(name) for name in modules(PACKAGE)}
    on_the_map = set(re.findall(r"^    bnteach\.(\w+) ", bnteach.__doc__, re.MULTILINE))
    assert rooms == set(ROOMS)
    assert on_the_map == rooms - {"__init__"}


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("core/functional.py", "import torch"),
        ("core/functional.py", "from ..figures import style"),
        ("core/functional.py", "import bnteach"),
        ("core/functional.py", "def f():\n    from .. import torch_bridge"),
        ("figures/style.py", "import torch.nn"),
        ("figures/style.py", "from .. import labs"),
        ("torch_bridge/compare.py", "from ..training import loop"),
        ("labs/sampler.py", "import torch"),
        ("labs/sampler.py", "import pandas"),
        ("training/loop.py", "from ipywidgets import VBox"),
        ("training/loop.py", "from bnteach.trials import claims"),
        ("trials/norms.py", "from .claims import shift"),
        ("check/verdict.py", "import ipywidgets"),
        ("check/running.py", "from scipy import stats"),
        ("check/running.py", "from .. import figures"),
        ("__init__.py", "from . import torch_bridge"),
    ],
)
def test_an_open_door_is_seen(tmp_path, file, line):
    for name in ("core", "figures", "labs", "training", "trials", "check", "torch_bridge"):
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
