"""Which lab a cell shows; the files of the recordings, made again where something changed."""

from __future__ import annotations

import ast
import html
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PLAYER_JS, PLAYER_CSS = HERE / "player.js", HERE / "player.css"


@dataclass(frozen=True)
class Shown:
    """The lab that a cell shows, and the values that its controls begin with."""

    lab: str
    start: dict


def find_lab(source: str) -> Shown | None:
    """The lab that a code cell makes, `labs.NAME(...)`; None if there is none."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("labs."):
            start = {word.arg: ast.literal_eval(word.value) for word in node.keywords}
            return Shown(node.func.attr, start)
    return None


def write_recordings(names: Iterable[str], folder: Path, cache: Path, thin: bool = False) -> None:
    """Write folder/NAME.js for each lab, from the cache where nothing has changed."""


def markup(shown: Shown, still: str, recording: str = "") -> str:
    """The lab in a page: the still picture, until the player has put the moving one in its place."""
    start = html.escape(json.dumps(shown.start))
    return (
        f'<div class="bnteach-lab" data-lab="{shown.lab}" data-start="{start}" data-recording="{recording}">'
        f"{still}</div>"
    )
