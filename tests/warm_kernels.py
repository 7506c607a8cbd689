"""Notebooks' kernels in a fraction of the time: each is forked from a process that has imported PyTorch.

Importing takes two seconds or three, and the tests start two hundred kernels. Each notebook still has a
kernel of its own. Where a start or an end usually waits for a time, it waits here for what happens.
On other systems than Linux a fork is not safe with all that is imported: there nothing changes.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from contextlib import suppress
from importlib.metadata import EntryPoint
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client import AsyncKernelClient, BlockingKernelClient, KernelClient
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner
from jupyter_client.utils import ensure_async, run_sync

# Not bnteach itself: that a notebook can import it is a part of the test.
IMPORTED = """ipykernel.ipkernel ipykernel.debugger IPython.core.oinspect ipywidgets matplotlib.pyplot
    matplotlib.backends.backend_agg matplotlib_inline.backend_inline pandas scipy.stats sklearn.datasets
    sklearn.model_selection torch torch._dynamo tqdm""".split()
TESTS = str(Path(__file__).parent)


def use_warm_kernels() -> None:
    """Let every kernel that this process starts be a forked one."""
    if sys.platform != "linux":
        return
    factory = KernelProvisionerFactory.instance()
    factory.provisioners["warm"] = EntryPoint("warm", f"{__name__}:WarmProvisioner", factory.GROUP_NAME)
    factory.default_provisioner_name = "warm"
    AsyncKernelClient.wait_for_ready = wait_for_ready
    BlockingKernelClient.wait_for_ready = run_sync(wait_for_ready)
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # or the debugger warns when it is imported


async def wait_for_ready(client: KernelClient, timeout: float | None = None) -> None:
    """Ask until both channels have the answer. The usual way then waits for 0.2 s of silence, too."""
    while True:
        question = client.kernel_info()
        await ensure_async(client.get_shell_msg(timeout=timeout))
        with suppress(Empty):
            while not is_end(await ensure_async(client.get_iopub_msg(timeout=0.05)), question):
                pass
            return


def is_end(message: dict[str, Any], question: str) -> bool:
    """Does this message say that the kernel has done what was asked?"""
    is_answer = message["parent_header"].get("msg_id") == question
    return is_answer and message["content"].get("execution_state") == "idle"


class WarmProvisioner(LocalProvisioner):
    """Starts the usual kernel of Python by a fork, any other one as LocalProvisioner does."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> KernelConnectionInfo:
        if cmd[0] != sys.executable or not {"-m", "ipykernel_launcher"} <= {*cmd}:
            return await super().launch_kernel(cmd, **options)
        self.process = ForkedKernel(cmd[cmd.index("-f") :], options.get("cwd"), options["env"])
        self.pid = self.pgid = self.process.pid
        return self.connection_info

    async def kill(self, restart: bool = False) -> None:
        await super().kill(restart)
        self.process.wait()  # at once, where the manager would look again after 0.1 s


class ForkedKernel:
    """A forked kernel, with as much of subprocess.Popen as LocalProvisioner uses."""

    stdin = stdout = stderr = None

    def __init__(self, arguments: list[str], cwd: str | None, env: dict[str, str]) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(IMPORTED)
        listens = context.Event()
        self.process = context.Process(target=run_kernel, args=(arguments, cwd, env, listens), daemon=True)
        self.process.start()
        listens.wait(timeout=60)  # what connects too early tries again after 0.1 s alone
        self.pid = self.process.pid

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self) -> int | None:
        self.process.join()
        return self.process.exitcode

    def send_signal(self, signum: int) -> None:
        os.kill(self.pid, signum)

    def kill(self) -> None:
        self.process.kill()

    def terminate(self) -> None:
        self.process.terminate()


def run_kernel(arguments: list[str], cwd: str | None, env: dict[str, str], listens: Event) -> None:
    """Be a kernel as a fresh process would be: with this environment, and nothing of what tests import."""
    from ipykernel.kernelapp import IPKernelApp

    gc.freeze()  # what is imported is no garbage: looking for it would take 0.2 s each time
    os.setsid()  # a signal to it goes to what it starts, too, and to nothing else
    multiprocessing.current_process().daemon = False  # a lesson may start processes
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd or ".")
    sys.path[:] = [path for path in sys.path if not path.startswith(TESTS)]
    sys.argv = ["ipykernel_launcher", *arguments, f"--IPKernelApp.parent_handle={os.getppid()}"]
    kernel = IPKernelApp.instance()
    kernel.initialize()
    listens.set()
    kernel.start()
