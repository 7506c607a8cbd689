"""The student's copy: lessons and exercises without outputs, in a folder that is the student's own.

A copy that the student has changed is never overwritten. One that is unchanged follows the project; that its
cells were run is no change.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from .lessons import NOTEBOOKS
from .outputs import refuse_own_files, write_all
from .student_files import files_for_student

COURSE = NOTEBOOKS.parent / "course"
RECORD = ".copied.json"  # the digest of each file as it was copied
LEFT = "{}: changed since it was copied, left as it is (for a fresh copy, rename or delete it)"


def copy_for_student(out: Path, folder: Path = NOTEBOOKS) -> list[str]:
    """Write into `out` what is missing or out of date; say in lines what was done and what was left alone.

    Raises:
        FileNotFoundError: there are no built notebooks.
        OutputError: `out` is among the project's own files, or cannot be written; nothing is changed.
    """
    files = files_for_student(out, folder)
    refuse_own_files([out / name for name in (*files, RECORD)], folder)
    known = read_record(out)
    wanted = {name: digest(name, data) for name, data in files.items()}
    there = {name: digest_of_file(out, name) for name in files}
    changed = [name for name in files if there[name] not in (None, wanted[name], known.get(name))]
    new = {name: files[name] for name in files if name not in changed and there[name] != wanted[name]}
    record = known | {name: wanted[name] for name in files if name not in changed}
    if new or record != known:
        write_all({out / name: data for name, data in {**new, RECORD: as_text(record)}.items()})
    return [f"{out}: {len(new) or 'no'} new files", *(LEFT.format(out / name) for name in changed)]


def as_text(record: dict[str, str]) -> str:
    return json.dumps(record, indent=1) + "\n"


def read_record(out: Path) -> dict[str, str]:
    """The digests of the last copy; none where the record is missing or broken."""
    try:
        return dict(json.loads((out / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def digest_of_file(out: Path, name: str) -> str | None:
    """The digest of a file that is there; what cannot be read counts as changed."""
    if not (out / name).exists():
        return None
    try:
        return digest(name, (out / name).read_bytes())
    except OSError:
        return "cannot be read"


def digest(name: str, data: bytes) -> str:
    """A digest of what a student can change: of a notebook, what its cells say."""
    if name.endswith(".ipynb"):
        try:
            cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(data)["cells"]]
            data = repr([(kind, source) for kind, source in cells if source.strip()]).encode()
        except (ValueError, KeyError, TypeError):
            pass  # broken: its bytes must do
    return hashlib.sha256(data).hexdigest()[:16]
