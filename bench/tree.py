"""What a server costs: processor time and memory of its process and of all that it started."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.02
_PAGE_BYTES = os.sysconf("SC_PAGESIZE")


def processes(pid: int) -> list[psutil.Process]:
    """The process and everything below it that is alive now."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


def cpu_seconds(pid: int) -> float:
    """User and system time of the living, and, through their parents, of children that ended and were reaped."""
    total = 0.0
    for process in processes(pid):
        with suppress(psutil.NoSuchProcess):
            spent = process.cpu_times()
            total += spent.user + spent.system + spent.children_user + spent.children_system
    return total


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a whole tree. Pages that its processes share count once for each in ``rss``, not at all in ``uss``."""

    rss: int
    uss: int
    processes: int


def memory(pid: int) -> Memory:
    """What the tree holds now."""
    found = []
    for process in processes(pid):
        with suppress(psutil.NoSuchProcess):
            found.append(process.memory_full_info())
    return Memory(sum(info.rss for info in found), sum(info.uss for info in found), len(found))


@dataclass(slots=True)
class Growth:
    """The highest that was seen of a tree's memory, over what it held before."""

    rss: int = 0
    anonymous: int = 0
    """Without the pages of mapped files, which the system takes back when it needs them."""


@contextmanager
def watched_growth(pid: int) -> Iterator[Growth]:
    """Look at the tree's memory every 20 ms while the context lasts."""
    before, growth, is_over = _rss_and_anonymous(pid), Growth(), threading.Event()

    def look() -> None:
        while not is_over.wait(SAMPLE_SECONDS):
            rss, anonymous = _rss_and_anonymous(pid)
            growth.rss = max(growth.rss, rss - before[0])
            growth.anonymous = max(growth.anonymous, anonymous - before[1])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield growth
    finally:
        is_over.set()
        thread.join()


def _rss_and_anonymous(pid: int) -> tuple[int, int]:
    rss = shared = 0
    for process in _pids(pid):
        with suppress(OSError):
            pages = Path(f"/proc/{process}/statm").read_text().split()
            rss, shared = rss + int(pages[1]), shared + int(pages[2])
    return rss * _PAGE_BYTES, (rss - shared) * _PAGE_BYTES


def _pids(pid: int) -> list[int]:
    """As ``processes``, without reading of every process of the machine: this is done fifty times a second."""
    found = [pid]
    for each in found:
        with suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found
