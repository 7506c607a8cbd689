"""What is measured with a compiler where it is installed; what was measured with it, where it is not."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from bnteach.training import stored

Numbers = dict[str, float]


def live_or_stored(compiler: str, measure: Callable[[], Numbers], path: str | Path, again: bool) -> Numbers:
    """What `measure` gives; without the compiler what is stored, with its date and versions printed.

    again: measure, and store it.
    """
    if find_spec(compiler) and not again:
        return measure()
    command = "the lesson, with FULL = True"
    kept = stored(path, lambda: {**measure(), compiler: version(compiler)}, again, command)
    numbers, versions = kept["results"], kept["versions"]
    versions = f"{compiler} {numbers[compiler]}, NumPy {versions['numpy']}, PyTorch {versions['torch']}"
    print(f"(stored on {kept['date']}: {versions})")
    return numbers
