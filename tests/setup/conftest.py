"""start.py in a scratch project, on any system: its programs are recorded in place of run."""

import shutil
import signal
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Start:
    """start.py in a folder of its own. Programs are recorded; those that hold one of `failing` fail."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
        self.programs, self.failing, self.monkeypatch = [], ["labextensions"], monkeypatch
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(subprocess, "call", self.call)
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        spec = spec_from_file_location("start", folder / "start.py")
        self.module = module_from_spec(spec)
        spec.loader.exec_module(self.module)

    def call(self, command: list[str], env: dict[str, str] | None = None, **_) -> int:
        self.programs.append(" ".join(command))
        self.environment = env
        if "venv" in command:
            self.module.VENV_PYTHON.parent.mkdir(parents=True)
            self.module.VENV_PYTHON.touch()
        return int(any(word in self.programs[-1] for word in self.failing))

    def run(self, *arguments: str) -> list[str]:
        """The programs of a command, without those that only look around."""
        self.programs.clear()
        self.monkeypatch.setattr(sys, "argv", ["start.py", *arguments])
        self.module.main()
        return [
            line.removeprefix(f"{self.module.VENV_PYTHON} ")
            for line in self.programs
            if "import " not in line
        ]


@pytest.fixture
def started_on(tmp_path, monkeypatch):
    """Start on a system, by the name that Python has for it."""
    for name in ("start.py", "pyproject.toml", "constraints.txt", "constraints-oldest.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("ARGS", "FORCE", "PINS", "PYTHON", "TORCH_INDEX", "WORKERS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "")  # so that what start.py sets is taken back, too
        monkeypatch.delenv(name)
    return lambda platform: Start(tmp_path, monkeypatch, platform)


@pytest.fixture
def start(started_on, monkeypatch):
    monkeypatch.setenv("TORCH_INDEX", "")
    return started_on("linux")
