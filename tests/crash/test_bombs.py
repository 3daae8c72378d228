"""Twenty bombs at once cost their own children, and nobody else (OWASP ASVS 5.0, 15.2.2 and 15.2.5)."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.acceptance.doors import Door, doors, exchange
from tests.support import documents, images
from tests.support.server import Part, RunningServer, running_server

HEALTH_SECONDS = 1.0
MAX_GROWTH_BYTES = 256 << 20
BOMBS: tuple[tuple[str, Callable[[], bytes]], ...] = (
    ("flood.png", lambda: images.png_of_zeros(30_000, 30_000)),
    ("largest.png", lambda: images.png_of_zeros(7_000, 7_000)),  # as much as is let through to the decoder
    ("screens.gif", lambda: images.encoded(images.flat(7_000, 7_000, 0, "P"), "GIF")),
    ("dense.docx", lambda: documents.docx({"word/bomb": bytes(64 << 20)})),
    ("wide.docx", lambda: documents.docx({f"word/{number}": bytes(1 << 20) for number in range(500)})),
    ("many.docx", lambda: documents.docx({f"word/{number}.xml": "<a/>" for number in range(60_000)})),
    ("tags.docx", lambda: documents.docx(text="<w>" + "<a/>" * 2_000_000 + "</w>")),
    ("objects.pdf", lambda: documents.pdf(pages=3_000)),
)


@pytest.fixture
def server(tmp_path: Path):
    with running_server(tmp_path / "data") as running:
        yield running


def health(server: RunningServer, is_over: threading.Event) -> list[float]:
    """How long each of many looks at the server's health took; one that failed counts as for ever."""
    seconds = []
    while not is_over.is_set():
        began = time.monotonic()
        is_well = server.is_healthy(10)
        seconds.append(time.monotonic() - began if is_well else float("inf"))
        time.sleep(0.03)
    return seconds


def throw(server: RunningServer, door: Door, bomb: tuple[str, bytes]) -> int:
    """Send one; returns the status."""
    name, data = bomb
    return exchange(server, door.post(door.form(Part("file", data, name))), patience=120).status


def test_health_answers_within_a_second_while_twenty_bombs_go_off(server: RunningServer):
    made = [(name, make()) for name, make in BOMBS]
    bombs = [made[number % len(made)] for number in range(20)]
    door, process = doors(server)["bika"], psutil.Process(server.process.pid)
    before, is_over = process.memory_info().rss, threading.Event()
    with ThreadPoolExecutor(21) as threads:
        watch = threads.submit(health, server, is_over)
        statuses = Counter(threads.map(lambda bomb: throw(server, door, bomb), bombs))
        is_over.set()
        seconds = watch.result()

    assert max(seconds) < HEALTH_SECONDS, sorted(seconds)[-5:]
    assert len(seconds) > 10
    assert set(statuses) <= {200, 422}, statuses  # the largest picture, say, is sound
    assert statuses[422] >= 10, statuses
    assert process.memory_info().rss - before < MAX_GROWTH_BYTES
    assert server.staged() == []
    assert throw(server, door, ("note.txt", b"all is well\n")) == 200
