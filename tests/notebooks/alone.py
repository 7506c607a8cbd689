"""Runs a notebook as it runs for a stranger: an empty folder, no network, no bnteach but what it brings."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
THIS_MACHINE = ("127.0.0.1", "::1", "localhost", "", None)

# The kernel's own start. Python's -I hides PYTHONPATH and the working folder; an editable install hides here.
KERNEL = f"""
import sys
sys.path = [path for path in sys.path if path != {str(ROOT)!r} and "editable" not in path]
sys.meta_path = [one for one in sys.meta_path if "editable" not in str(getattr(one, "__module__", one))]

def no_network(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        address = arguments[1] if event == "socket.connect" else arguments
        if isinstance(address, tuple) and address[0] not in {THIS_MACHINE}:
            raise OSError(f"no network in this test: {{address[0]}}")

sys.addaudithook(no_network)
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""


def make_kernel(folder: Path, python: str = sys.executable) -> None:
    """Write a kernel named "alone" into folder, a JUPYTER_PATH."""
    place = folder / "kernels" / "alone"
    place.mkdir(parents=True)
    command = [python, "-I", "-X", "frozen_modules=off", "-c", KERNEL, "-f", "{connection_file}"]
    about = {"argv": command, "display_name": "alone", "language": "python"}
    (place / "kernel.json").write_text(json.dumps(about), encoding="utf-8")


def run_alone(notebook: NotebookNode, folder: Path, more: str = "") -> str:
    """Run the notebook in folder and then the code `more`; return what that printed."""
    last = nbformat.v4.new_code_cell(more)
    notebook.cells.append(last)
    client = NotebookClient(
        notebook, kernel_name="alone", timeout=300, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return "".join(output.get("text", "") for output in last.outputs)
