"""A JupyterLab server that knows nothing of the user's own settings."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat

from bnteach.authoring.colab import results_of

REPOSITORY = Path(__file__).parents[2]
TOKEN = "browser-tests"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}

DISABLED = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}

SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # all cells are in the page
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}

# Read by the server as it starts: its kernels are forked, so that not each of them imports PyTorch anew.
WARM_KERNELS = f"""
import sys
sys.path.append({str(REPOSITORY / "tests")!r})
from warm_kernels import use_warm_kernels
use_warm_kernels()
"""


class JupyterLab:
    """`with JupyterLab(folder) as server:` starts it and ends it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.root = folder / "notebooks"
        self.count = 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def __enter__(self):
        self.root.mkdir(parents=True)
        self._configure("config/labconfig/page_config.json", DISABLED)
        for name, values in SETTINGS.items():
            self._configure(f"settings/{name}.jupyterlab-settings", values)
        (self.folder / "config/jupyter_server_config.py").write_text(WARM_KERNELS)
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={self.port}"]
        options = [
            f"--ServerApp.root_dir={self.root}",
            f"--IdentityProvider.token={TOKEN}",
            "--ServerApp.port_retries=0",
            "--LabApp.expose_app_in_browser=True",
            "--JupyterNotebookApp.expose_app_in_browser=True",
        ]
        self.log = (self.folder / "log.txt").open("w")
        self.process = subprocess.Popen(
            command + options, env=self._environment(), stdout=self.log, stderr=subprocess.STDOUT
        )
        self._wait()
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.log.close()

    def add(self, name: str, text: str) -> str:
        """Put a notebook into the served folder."""
        self.count += 1
        (self.root / name).write_text(text, encoding="utf-8")
        return name

    def add_results_of(self, notebook: Path) -> None:
        """Put the stored results that a lesson reads where it looks for them."""
        for name, file in results_of(notebook, nbformat.read(notebook, as_version=4)).items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, self.root / name)

    def url(self, name: str) -> str:
        """Where a notebook is opened, in a workspace of its own, so that no other is restored beside it."""
        return f"http://127.0.0.1:{self.port}/lab/workspaces/w{self.count}/tree/{name}?reset&token={TOKEN}"

    def _configure(self, name: str, values: dict) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))

    def _environment(self) -> dict[str, str]:
        folders = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        own = {name: str(self.folder / folder) for name, folder in folders.items()}
        path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
        return {**os.environ, **own, "PYTHONPATH": path}

    def _wait(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status?token={TOKEN}").close()
                return
            except OSError:
                time.sleep(0.2)
        self.process.kill()
        raise RuntimeError(f"JupyterLab did not start:\n{(self.folder / 'log.txt').read_text()}")
