"""The wheel of bnteach that learners need, as a text that fits into a notebook."""

from __future__ import annotations

import base64
import io
import lzma
import shutil
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
NEEDED = ("pyproject.toml", "README.md", "LICENSE")
ALWAYS = (1980, 1, 1, 0, 0, 0)  # one date for all files: the same sources give the same text


class WheelError(Exception):
    """The wheel could not be built."""


def built_wheel() -> dict[str, bytes]:
    """The files of the package's wheel by their names in it, without the rooms `authoring` and `site`.

    The wheel is built by pip and setuptools from a copy of the sources, with what is installed: no network.

    Raises:
        FileNotFoundError: this is not a copy of the project.
        WheelError: pip failed; the message ends with what it said.
    """
    with tempfile.TemporaryDirectory() as name:
        copied, made = Path(name, "project"), Path(name, "made")
        copy_sources(copied)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-build-isolation"]
        command += ["--no-deps", "--disable-pip-version-check", "--wheel-dir", str(made), str(copied)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            raise WheelError(f"the wheel of bnteach could not be built: {run.stderr.strip()}")
        (wheel,) = made.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return {file: archive.read(file) for file in archive.namelist()}


def copy_sources(folder: Path) -> None:
    if missing := [file for file in NEEDED if not (PROJECT / file).exists()]:
        raise FileNotFoundError(f"{PROJECT} has no {', '.join(missing)}: run this in a copy of the project")
    left_out = shutil.ignore_patterns("authoring", "site", "__pycache__")
    shutil.copytree(PROJECT / "bnteach", folder / "bnteach", ignore=left_out)
    for file in NEEDED:
        shutil.copy(PROJECT / file, folder)


def packed(files: Mapping[str, bytes]) -> str:
    """Files as lines of base64: a ZIP archive, compressed by LZMA as a whole.

    A wheel compresses each of its hundred small modules alone, and is 1.6 times as large.
    """
    return compressed(tuple(sorted(files.items())))


@cache  # most notebooks carry the same files
def compressed(files: tuple[tuple[str, bytes], ...]) -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        for name, content in files:
            out.writestr(zipfile.ZipInfo(name, ALWAYS), content)
    text = base64.b64encode(lzma.compress(archive.getvalue(), preset=9)).decode("ascii")
    return "\n".join(textwrap.wrap(text, 1000))
