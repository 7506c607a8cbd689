"""Writes files: never over the project's own, and all files of a command or none."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("bnteach", "notebooks", "tests", ".ci", ".git", ".github")


class OutputError(Exception):
    """A place where nothing may or can be written."""


def refuse_own_files(paths: Iterable[Path], folder: Path) -> None:
    """Raise OutputError for a path inside the folder of notebooks or the project's other sources."""
    for place in (folder, *(PROJECT / room for room in ROOMS)):
        for path in paths:
            if comparable(path).is_relative_to(comparable(place)):
                raise OutputError(
                    f"{path} is inside {place}, where the project's own files are; change --out"
                )


def comparable(path: Path) -> Path:
    """The path without symbolic links, in lower case: many systems take `Notebooks` for `notebooks`."""
    return Path(os.path.realpath(path).casefold())


def write_all(texts: Mapping[Path, str | bytes]) -> None:
    """Write every file; where one cannot be written, replace none and raise OutputError."""
    parts = {path: path.with_name(f"{path.name}.part") for path in texts}
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            parts[path].write_bytes(text.encode() if isinstance(text, str) else text)
        for path, part in parts.items():
            os.replace(part, path)
    except OSError as error:
        where = error.filename or ", ".join(map(str, texts))
        raise OutputError(f"cannot write {where}: {error.strerror}") from error
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):
                part.unlink()
