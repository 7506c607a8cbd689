"""A bound on the memory that a learner's code may take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None

MOST = 3 * 2**30  # bytes on top of what the process has now; PyTorch's libraries alone want some 0.5 GiB
SHARE = 0.7  # of what is free: a container that runs out of memory ends the kernel


@contextmanager
def memory_limit(most: int = MOST) -> Iterator[None]:
    """Let the block take at most `most` bytes: more raises MemoryError. On Linux; elsewhere unbounded."""
    now = address_space()
    if resource is None or now is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    more = min(most, *(int(SHARE * free) for free in free_memory()))
    wanted = [now + more, *(bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def address_space() -> int | None:
    """Bytes of address space of this process; None where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, AttributeError):
        return None


def free_memory() -> list[int]:
    """Bytes that are free, in the machine and in the container; what the system does not tell is left out."""
    free = [MOST]
    try:
        words = Path("/proc/meminfo").read_text().split()
        free.append(1024 * int(words[words.index("MemAvailable:") + 1]))
        group = Path("/sys/fs/cgroup")
        free.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return free
