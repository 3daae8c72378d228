"""A server that is busy with what is costly answers everybody else."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from tests.support.documents import docx, package
from tests.support.images import gif, png_of_zeros
from tests.support.server import RunningServer, running_server

MIB = 1 << 20
AT_ONCE = 20
LONGEST_SECONDS = 1.0
"""ASVS 15.2.2; security C15."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("busy") / "data") as running:
        yield running


@contextmanager
def asking(server: RunningServer) -> Iterator[list[float]]:
    """How long each question after the server's health takes, asked all the while."""
    took, is_over = list[float](), threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.base_url, timeout=30) as client:
            while not is_over.wait(0.02):
                began = time.monotonic()
                assert client.get("/healthz").status_code == 200
                took.append(time.monotonic() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield took
    finally:
        is_over.set()
        thread.join()


def send_all(server: RunningServer, files: list[tuple[str, bytes]]) -> list[int]:
    """Twenty at a time into the demo's space; their statuses."""
    given = server.demo["bika"]
    path = f"{server.base_url}/api/openapi/bika/v1/spaces/{given['space_id']}/attachments"

    def send(file: tuple[str, bytes]) -> int:
        headers = {"Authorization": f"Bearer {given['token']}"}
        return httpx.post(path, headers=headers, files={"file": file}, timeout=120).status_code

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(send, files))


def test_twenty_large_uploads_hold_up_nobody(server: RunningServer):
    """Writing to the disk never happens on the event loop (Starlette CVE-2025-54121)."""
    files = [("a.bin", os.urandom(10 * MIB)) for _ in range(AT_ONCE)]

    with asking(server) as took:
        statuses = send_all(server, files)

    assert statuses == [200] * AT_ONCE
    assert max(took) < LONGEST_SECONDS


BOMBS: dict[str, Callable[[], bytes]] = {
    "huge.png": lambda: png_of_zeros(60_000, 60_000),
    "large.png": lambda: png_of_zeros(7_000, 7_000),
    "frames.gif": lambda: gif(64, 48, frames=300),
    "ratio.docx": lambda: docx({"word/media/a.xml": bytes(64 * MIB)}),
    "members.docx": lambda: docx({f"word/{number}.xml": b"" for number in range(20_000)}),
    "nested.zip": lambda: package({"a.zip": package({"b.zip": package({"c": bytes(16 * MIB)})})}),
}
"""The second is just under the limit, so that all of it is decoded; a zip is kept, and never unpacked."""


def test_twenty_bombs_hold_up_nobody(server: RunningServer):
    """They are looked at in children (ASVS 15.2.5), a few at a time; none ends the server."""
    files = [(name, make()) for name, make in BOMBS.items()]

    with asking(server) as took:
        statuses = send_all(server, (files * AT_ONCE)[:AT_ONCE])

    by_name = {name: status for (name, _), status in zip(files, statuses, strict=False)}
    assert {name for name, status in by_name.items() if status == 200} <= {"large.png", "nested.zip"}
    assert [status for status in statuses if status >= 500] == []
    assert max(took) < LONGEST_SECONDS
    assert server.process.poll() is None
