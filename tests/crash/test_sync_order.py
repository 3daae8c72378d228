"""In which order an upload reaches the disk, as the kernel sees it: bytes, name, row, answer (C5; ALICE, OSDI '14)."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.crash.clients import Client
from tests.support.server import RunningServer, running_server

CALLS = "openat,link,linkat,rename,fsync,fdatasync,sendto,write,writev,sendmsg"
LARGE = b"\0" * (3 << 20)


@contextmanager
def traced(server: RunningServer, log: Path) -> Iterator[None]:
    """The server's calls of these names, in all its threads, written to ``log``."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("there is no strace")
    command = [strace, "-f", "-y", "-e", f"trace={CALLS}", "-o", str(log), "-p", str(server.process.pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert tracer.stderr is not None
    if b"attached" not in tracer.stderr.readline():
        pytest.skip("processes may not be traced here")
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        tracer.stderr.close()


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["from memory", "from the staging folder"])
def test_every_byte_and_name_is_on_the_disk_before_the_answer(tmp_path: Path, content: bytes):
    with running_server(tmp_path / "data") as server, closing(Client(server, server.demo)) as client:
        assert client.upload_to_bika("first.bin", b"so that all is warm").status == 200
        log = tmp_path / "calls"
        with traced(server, log):
            assert client.upload_to_bika("a.bin", content).status == 200
            time.sleep(0.2)
    calls = _finished(log)

    link = _first(calls, r"linkat\(.*/blobs/[0-9a-f]{2}>, \"[0-9a-f]{32}\"")
    shard = re.search(r"/blobs/([0-9a-f]{2})>", calls[link])
    assert shard is not None
    bytes_synced = _last_before(calls, r"f(data)?sync\(\d+<.*(/staging/|/blobs/\.incoming/)", link)
    folder_synced = _first(calls, rf"fsync\(\d+<.*/blobs/{shard[1]}>\)", link)
    row_synced = _last(calls, r"f(data)?sync\(\d+<.*holdall\.sqlite3-wal>")
    answered = _first(calls, r"(sendto|writev?|sendmsg)\(\d+<.*HTTP/1\.1 200")

    assert bytes_synced < link < folder_synced < row_synced < answered, "\n".join(calls)


def _finished(log: Path) -> list[str]:
    """The calls, each where it ended: one that another thread's interrupted is put together."""
    begun, calls = dict[str, str](), list[str]()
    for line in log.read_text(errors="replace").splitlines():
        thread, _, call = line.partition(" ")
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>")
        elif resumed := re.match(r"\s*<\.\.\. \w+ resumed>(.*)", call):
            calls.append(begun.pop(thread, "") + resumed[1])
        else:
            calls.append(call.strip())
    return calls


def _first(calls: list[str], pattern: str, after: int = -1) -> int:
    return next((place for place, call in enumerate(calls) if place > after and re.search(pattern, call)), -1)


def _last(calls: list[str], pattern: str) -> int:
    return _last_before(calls, pattern, len(calls))


def _last_before(calls: list[str], pattern: str, before: int) -> int:
    places = [place for place, call in enumerate(calls[:before]) if re.search(pattern, call)]
    assert places != [], pattern
    return places[-1]
