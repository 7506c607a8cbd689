"""Which lab a cell shows; the files of the recordings, made again where something changed."""

from __future__ import annotations

import ast
import base64
import gzip
import hashlib
import html
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from tqdm import tqdm

from bnteach import labs

from .recording import record
from .sources import sources_of

__all__ = ["PLAYER_CSS", "PLAYER_JS", "Shown", "find_lab", "markup", "write_recordings"]

HERE = Path(__file__).parent
PLAYER_JS, PLAYER_CSS = HERE / "player.js", HERE / "player.css"
LIBRARIES = ("matplotlib", "numpy", "scikit-learn", "torch")


@dataclass(frozen=True)
class Shown:
    """The lab that a cell shows, and the values that its controls begin with."""

    lab: str
    start: dict[str, Any] = field(default_factory=dict)


def find_lab(source: str) -> Shown | None:
    """The lab that a code cell makes, `labs.NAME(...)`; None if there is none.

    What the cell does to it then, `.set(...)` and `.advance(...)`, is part of its start. The values must be
    written as numbers and words.
    """
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    made = [call for call in calls if ast.unparse(call.func).removeprefix("labs.") in labs.__all__]
    if not made:
        return None
    later = [
        call
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("set", "advance")
    ]
    start = {word.arg: ast.literal_eval(word.value) for call in made + later for word in call.keywords}
    return Shown(made[0].func.attr, start)


def markup(shown: Shown, still: str, recording: str = "") -> str:
    """The lab in a page: the still picture, until the player has put the moving one in its place.

    Without the address of its recording, the page has it in a script of its own.
    """
    start = html.escape(json.dumps(shown.start, ensure_ascii=False))
    attributes = f'data-lab="{shown.lab}" data-start="{start}" data-recording="{html.escape(recording)}"'
    return f'<div class="bnteach-lab" {attributes}>{still}</div>'


def write_recordings(shown: Iterable[Shown], folder: Path, cache: Path, thin: bool = False) -> None:
    """Write folder/NAME.js for each lab that is shown, from the cache where nothing has changed.

    Args:
        shown: the labs; what each begins with must be among its recorded positions.
        folder, cache: they are made where they are missing.
        thin: a few positions of each slider alone, in a tenth of the time.

    Raises:
        ValueError: a lab begins with what is not recorded.
    """
    starts: dict[str, list[dict]] = {}
    for one in shown:
        starts.setdefault(one.lab, []).append(one.start)
    kept = {name: cache / f"{name}-{digest(name, starts[name], thin)}.js" for name in sorted(starts)}
    for path in (folder, cache):
        path.mkdir(parents=True, exist_ok=True)
    make([(name, starts[name], thin, path) for name, path in kept.items() if not path.exists()])
    for name, path in kept.items():
        shutil.copyfile(path, folder / f"{name}.js")


def make(missing: list[tuple]) -> None:
    """Record the labs that are not in the cache, on all cores; and say how far it is."""
    work = Parallel(n_jobs=-1, return_as="generator_unordered")(delayed(make_one)(*one) for one in missing)
    for _ in tqdm(work, total=len(missing), desc="Recording labs", unit="lab", disable=not missing):
        pass


def make_one(name: str, starts: list[dict], thin: bool, path: Path) -> None:
    recording = record(getattr(labs, name)(), thin, starts)
    text = json.dumps(recording, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    part = path.with_suffix(".part")
    part.write_text(f'(globalThis.bnteachRecordings ??= {{}})["{name}"] = "{packed}";\n', encoding="utf-8")
    for older in path.parent.glob(f"{name}-*.js"):
        older.unlink()
    part.replace(path)


def digest(name: str, starts: list[dict], thin: bool) -> str:
    """Of all that a recording depends on: sources, versions, and what is asked for."""
    total = hashlib.sha256(repr((sorted(map(repr, starts)), thin)).encode())
    total.update(" ".join(f"{library} {version(library)}" for library in LIBRARIES).encode())
    for source in sources_of(getattr(labs, name).__module__, f"{__package__}.recording"):
        total.update(source.read_bytes())
    return total.hexdigest()[:16]
