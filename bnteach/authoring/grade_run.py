"""Runs what a student wrote in a kernel of its own, and keeps what the checks of bnteach say in it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import signal
import tempfile
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

MIME = "application/vnd.bnteach.verdicts+json"
# exit() ends a kernel a moment later; how many cells still run would be left to chance.
START = "get_ipython().ask_exit = lambda: None"
# It leaves no name behind in the student's kernel, and takes no module that the student brought along.
ASK = f"""\
__import__("IPython").display.display({{"{MIME}": [
    [verdict.check, verdict.state, ", ".join(verdict.mistakes)]
    for verdict in __import__("importlib").import_module("bnteach.check").report().verdicts
]}}, raw=True)"""
CALL = re.compile(r"check\.(\w+)\(")
QUIET = logging.getLogger(f"{__name__}.quiet")
QUIET.setLevel(logging.CRITICAL)


class Limits(NamedTuple):
    """Seconds for a cell, and for a notebook."""

    cell: int
    notebook: int


@dataclass
class Run:
    """What was seen: exercise -> (state, mistakes), and why a cell was not run to its end."""

    verdicts: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    ended: bool = False


def run_cells(sources: list[str], limits: Limits) -> Run:
    """Run the cells in an empty folder, whatever they do and whatever the notebook asks for."""
    run, begin = Run(), time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        client = NotebookClient(
            new_notebook(cells=[new_code_cell(source) for source in sources]),
            kernel_name="python3",
            extra_arguments=["--log-level=CRITICAL"],
            resources={"metadata": {"path": folder}},
            timeout=limits.cell,
            interrupt_on_timeout=True,
            allow_errors=True,
            shutdown_kernel="immediate",
            log=QUIET,
        )
        try:
            asyncio.run(asyncio.wait_for(execute(client, run), limits.notebook))
            run.ended = True
        except (asyncio.TimeoutError, DeadKernelError):
            late = time.monotonic() - begin >= limits.notebook
            run.notes.append(f"it took more than {limits.notebook} s" if late else "a cell ended the kernel")
    return run


async def execute(client: NotebookClient, run: Run) -> None:
    """Run the cells one by one, and after each ask for the verdicts: the next one may end the kernel."""
    cells = list(client.nb.cells)  # nbclient puts into the notebook whatever it runs
    async with client.async_setup_kernel():
        with contextlib.suppress(NotImplementedError):  # nbclient takes Ctrl-C for itself; not on Windows
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        await client.async_execute_cell(new_code_cell(START), 0, store_history=False)
        await ask(client, run)
        for number, cell in enumerate(cells):
            await client.async_execute_cell(cell, number)
            await ask(client, run)
            note_error(cell, run, client.timeout)


async def ask(client: NotebookClient, run: Run) -> None:
    """Ask the kernel for the verdicts so far, in a cell of our own, into which no student can print."""
    question = new_code_cell(ASK)
    await client.async_execute_cell(question, 0, store_history=False)
    for output in question.outputs:
        for name, state, mistakes in output.get("data", {}).get(MIME, []):
            run.verdicts[name] = state, mistakes


def note_error(cell: NotebookNode, run: Run, seconds: int) -> None:
    """A cell that fails before it comes to its check is an attempt too."""
    errors = [output.ename for output in cell.get("outputs", []) if output.output_type == "error"]
    stopped = "KeyboardInterrupt" in errors
    if stopped:
        run.notes.append(f"a cell was stopped after {seconds} s: {cell.source.strip().splitlines()[0]}")
    for name in CALL.findall(cell.source) if errors else ():
        run.verdicts.setdefault(name, ("not yet", "stopped" if stopped else errors[-1]))
