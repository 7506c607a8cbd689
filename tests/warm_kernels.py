"""Notebooks' kernels in a fraction of the time: each is forked from a process that has imported PyTorch.

Importing takes two seconds or three, and the tests start a hundred kernels. Each notebook still has a kernel
of its own. On other systems than Linux a fork is not safe with all that is imported: there nothing changes.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

# Not bnteach itself: that a notebook can import it is a part of the test.
IMPORTED = "ipykernel.ipkernel ipywidgets matplotlib.pyplot pandas scipy.stats sklearn.datasets torch".split()
TESTS = str(Path(__file__).parent)


def use_warm_kernels() -> None:
    """Let every kernel that this process starts be a forked one."""
    if sys.platform != "linux":
        return
    factory = KernelProvisionerFactory.instance()
    factory.provisioners["warm"] = EntryPoint("warm", f"{__name__}:WarmProvisioner", factory.GROUP_NAME)
    factory.default_provisioner_name = "warm"


class WarmProvisioner(LocalProvisioner):
    """Starts the usual kernel of Python by a fork, any other one as LocalProvisioner does."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> KernelConnectionInfo:
        if cmd[0] != sys.executable or not {"-m", "ipykernel_launcher"} <= {*cmd}:
            return await super().launch_kernel(cmd, **options)
        self.process = ForkedKernel(cmd[cmd.index("-f") :], options.get("cwd"), options["env"])
        self.pid = self.pgid = self.process.pid
        return self.connection_info


class ForkedKernel:
    """A forked kernel, with as much of subprocess.Popen as LocalProvisioner uses."""

    stdin = stdout = stderr = None

    def __init__(self, arguments: list[str], cwd: str | None, env: dict[str, str]) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(IMPORTED)
        self.process = context.Process(target=run_kernel, args=(arguments, cwd, env), daemon=True)
        self.process.start()
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


def run_kernel(arguments: list[str], cwd: str | None, env: dict[str, str]) -> None:
    """Be a kernel as a fresh process would be: with this environment, and nothing of what tests import."""
    from ipykernel.kernelapp import launch_new_instance

    os.setsid()  # a signal to it goes to what it starts, too, and to nothing else
    multiprocessing.current_process().daemon = False  # a lesson may start processes
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd or ".")
    sys.path[:] = [path for path in sys.path if not path.startswith(TESTS)]
    sys.argv = ["ipykernel_launcher", *arguments, f"--IPKernelApp.parent_handle={os.getppid()}"]
    launch_new_instance()
