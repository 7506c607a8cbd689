"""Find a Chromium: Playwright's own, or the system's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

QUIET = [  # Chromium asks its maker's servers for updates at every start; tests need none of that.
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

HOW_TO_GET_ONE = (
    "no Chromium was found. Get one with `python -m playwright install chromium`, or with your system's "
    "package manager (`apt install chromium`)."
)


def launch(playwright):
    """A headless Chromium; the tests fail, with advice, where there is none."""
    own = playwright.chromium.executable_path
    found = own if Path(own).exists() else next(filter(None, map(shutil.which, SYSTEM_NAMES)), None)
    if found is None:
        pytest.fail(HOW_TO_GET_ONE)
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium refuses its sandbox to root
    sandbox = ["--no-sandbox"] if as_root else []
    return playwright.chromium.launch(executable_path=found, args=QUIET + sandbox)
