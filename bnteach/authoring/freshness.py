"""Says which lessons must be built again, by digests kept in notebooks/.built.json.

A built lesson is a function of its source and of the package. The digest of the built file is kept too: a
notebook that someone ran and saved by hand is then seen, and built again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from .lessons import Lesson

PACKAGE = Path(__file__).resolve().parents[1]
REASONS = {"source": "its source changed", "package": "bnteach changed", "notebook": "the built file changed"}


def reason_to_build(lesson: Lesson) -> str | None:
    """Why the lesson must be built, in words; None if it is up to date."""
    if not lesson.notebook.exists():
        return "not built yet"
    kept = read_record(lesson.folder).get(lesson.label)
    if kept is None:
        return "no record of its build"
    now = digests(lesson)
    return next((words for part, words in REASONS.items() if kept.get(part) != now[part]), None)


def record_build(lesson: Lesson, seconds: float) -> None:
    """Keep the digests and the running time of a lesson just built; forget lessons that are gone."""
    about = {**digests(lesson), "seconds": round(seconds)}
    record = {**read_record(lesson.folder), lesson.label: about}
    there = {label: record[label] for label in sorted(record) if (lesson.folder / f"{label}.ipynb").exists()}
    record_file(lesson.folder).write_text(json.dumps(there, indent=1) + "\n", encoding="utf-8")


def record_file(folder: Path) -> Path:
    return folder / ".built.json"


def running_seconds(lesson: Lesson) -> int:
    """How long the cells of a lesson ran when it was built; 0 if that is not known."""
    return read_record(lesson.folder).get(lesson.label, {}).get("seconds", 0)


def read_record(folder: Path) -> dict[str, dict[str, str | int]]:
    path = record_file(folder)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def digests(lesson: Lesson) -> dict[str, str]:
    """What a build depends on (source, package) and what it made (notebook), each as a short digest."""
    package = [path for path in sorted(PACKAGE.rglob("*.py")) if not {"authoring", "site"} & {*path.parts}]
    return {
        "source": digest([lesson.source]),
        "package": digest(package),
        "notebook": digest([lesson.notebook]),
    }


def digest(paths: list[Path]) -> str:
    """A digest of names and texts, the same whatever the line endings."""
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{path.name}\n{path.read_text(encoding='utf-8')}\0".encode())
    return total.hexdigest()[:16]
