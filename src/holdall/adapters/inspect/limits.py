"""Resource limits of a child: how much memory and processor time one job may use, and what no job may use.

Memory is counted from what the child already has: the parsers, and the scanner's reserved but untouched address
space, are the same for every job and say nothing about a file.
"""

import os
import resource
import time

MAX_DESCRIPTORS = 64
"""The interpreter, the libraries and one file hold about ten."""


def forbid_always() -> tuple[str, ...]:
    """Forbid core dumps (they hold users' bytes), files of any size and many descriptors; returns what is enforced."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_DESCRIPTORS, MAX_DESCRIPTORS))
    return ("core-dump", "file-size", "descriptors", "cpu-time", *(("memory",) if _mapped_bytes() else ()))


def allow_for_job(memory_bytes: int, cpu_seconds: int, file_bytes: int) -> None:
    """Move the limits forward for the next job. The file itself may be mapped, on top of its memory.

    Only the soft limits move: they have to be moved again for the next job, and what they stop is a bomb in a file,
    not code that has taken the child over. That code meets the parent's wall clock.
    """
    used_seconds = int(time.process_time()) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used_seconds + cpu_seconds, resource.RLIM_INFINITY))
    if mapped := _mapped_bytes():
        resource.setrlimit(resource.RLIMIT_AS, (mapped + memory_bytes + file_bytes, resource.RLIM_INFINITY))


def _mapped_bytes() -> int:
    """The child's address space now; 0 where the platform has no ``/proc`` to tell."""
    if _STATM is None:
        return 0
    return int(os.pread(_STATM, 32, 0).split()[0]) * _PAGE_BYTES


def _open_statm() -> int | None:
    try:
        return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


_PAGE_BYTES = os.sysconf("SC_PAGESIZE")
_STATM = _open_statm()
"""Kept open: it is read before every job, and opening it costs ten times as much."""
