"""One of the processes of `run_processes`: joins the others, runs the function, leaves the result."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed


def main(folder: Path, seconds: float, parent: int) -> None:
    threading.Thread(target=leave_with, args=(parent,), daemon=True).start()
    rank = int(os.environ["RANK"])
    torch.distributed.init_process_group(
        "gloo",
        init_method=(folder / "meeting-place").as_uri(),
        rank=rank,
        world_size=int(os.environ["WORLD_SIZE"]),
        timeout=timedelta(seconds=seconds),
    )
    function, arguments = pickle.loads((folder / "job.pickle").read_bytes())
    result = function(rank, *arguments)
    (folder / f"result-{rank}.pickle").write_bytes(pickle.dumps(result))
    torch.distributed.barrier()  # none leaves while another still needs its answers
    torch.distributed.destroy_process_group()


def leave_with(parent: int) -> None:
    """End this process when its parent is gone: a kernel that was killed could not stop it."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
