"""The files that a module of the package depends on, read from its imports."""

from __future__ import annotations

import ast
from importlib.util import resolve_name
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def sources_of(*modules: str) -> list[Path]:
    """The files of these modules and of all that they import from bnteach, in a fixed order."""
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = file_of(name)
        if path is not None and path not in found:
            found.add(path)
            waiting += imports_of(name, path)
    return sorted(found)


def file_of(name: str) -> Path | None:
    """The file of a module; None for what is not a module of bnteach."""
    head, *parts = name.split(".")
    if head != PACKAGE.name:
        return None
    places = (PACKAGE.joinpath(*parts, "__init__.py"), PACKAGE.joinpath(*parts).with_suffix(".py"))
    return next((path for path in places if path.is_file()), None)


def imports_of(name: str, path: Path) -> list[str]:
    """The modules, and the names in them, that a module imports, wherever it does so."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package).rstrip(".")
            names = [f"{source}.{alias.name}" for alias in node.names]
            # `from . import controls` needs controls alone, not the whole room.
            found += [*names, *([source] if any(file_of(one) is None for one in names) else [])]
    return found
