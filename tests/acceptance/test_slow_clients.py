"""Slow clients and many: they are given up in good time, and meanwhile everybody else is served (security, C14)."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.acceptance.doors import doors, exchange, request
from tests.support.server import FORM_TYPE, Part, RunningServer, running_server

CONNECTIONS = int(os.environ.get("SLOW_CLIENTS", "200"))
"""``make endure`` has a thousand."""
GIVEN_UP_SECONDS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("slow") / "data") as running:
        yield running


def read_to_end(connection: socket.socket) -> bytes:
    """All that the server still says before it closes."""
    said = b""
    try:
        while piece := connection.recv(65_536):
            said += piece
    except ConnectionResetError:
        pass
    return said


class Crowd:
    """Clients who send a kilobyte a second; every other one never ends its headers."""

    def __init__(self, server: RunningServer, count: int) -> None:
        door = doors(server)["bika"]
        length = "Content-Length: 10000000"
        whole = request("POST", door.path, door.credential, f"Content-Type: {FORM_TYPE}", length)
        form = door.form(Part("file", b"x" * 1000, "a.txt"))[:800]
        self.began = time.monotonic()
        self.seconds: list[float] = []
        self.open = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(count)]
        for number, connection in enumerate(self.open):
            connection.setblocking(False)
            connection.send(whole + form if number % 2 else whole[:-2])
            connection.setblocking(True)
        self.thread = threading.Thread(target=self.trickle)
        self.thread.start()

    def trickle(self) -> None:
        """Until all are closed, or for as long as we have patience."""
        while self.open and time.monotonic() - self.began < GIVEN_UP_SECONDS + 10:
            time.sleep(1)
            for number, connection in enumerate(list(self.open)):
                try:
                    connection.settimeout(0.001)
                    connection.send(b"X-A: b\r\n" if number % 2 == 0 else b"x" * 1000)
                    if connection.recv(1000) == b"":
                        raise ConnectionResetError
                except TimeoutError:
                    continue
                except OSError:
                    self.seconds.append(time.monotonic() - self.began)
                    self.open.remove(connection)
                    connection.close()


def test_slow_clients_are_given_up_and_nobody_waits_for_them(server: RunningServer):
    """A normal upload of a megabyte takes less than three seconds all the while; memory does not run away."""
    door = doors(server)["bika"]
    process = psutil.Process(server.process.pid)
    exchange(server, door.post(door.form()))
    before = process.memory_info().rss
    crowd = Crowd(server, CONNECTIONS)
    took, most = [], 0
    while crowd.thread.is_alive():
        answer = exchange(server, door.post(door.form(Part("file", b"m" * (1 << 20), "m.txt"))))
        assert answer.status == 200
        took.append(answer.seconds)
        most = max(most, process.memory_info().rss)
        time.sleep(0.2)
    crowd.thread.join()
    print(  # noqa: T201  the figures are what this test is for
        f"\n{CONNECTIONS} slow clients, given up after {max(crowd.seconds):.1f} s at most; {len(took)} uploads of 1 MiB"
        f" meanwhile, {max(took):.2f} s at most; memory grew by {(most - before) >> 20} MiB"
    )
    assert crowd.open == []
    assert max(crowd.seconds) < GIVEN_UP_SECONDS
    assert max(took) < 3
    assert most - before < CONNECTIONS * (1 << 20)


def test_who_says_nothing_more_is_hung_up_on(server: RunningServer):
    """Before the first request, in the middle of one, and after one: ten seconds each, waited for together."""
    said = [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"]
    with ExitStack() as open_ones:
        connections = [
            open_ones.enter_context(closing(socket.create_connection(("127.0.0.1", server.port), timeout=30)))
            for _ in said
        ]
        for connection, words in zip(connections, said, strict=True):
            connection.sendall(words)

        def seconds_held(connection: socket.socket) -> float:
            began = time.monotonic()
            read_to_end(connection)
            return time.monotonic() - began

        with ThreadPoolExecutor(len(said)) as threads:
            held = list(threads.map(seconds_held, connections))
    assert all(5 < seconds < 15 for seconds in held), held


BIG = bytes(range(256)) * (24 << 12)
"""More than all the buffers between two programs hold; it does not compress, and is no other type."""


@pytest.fixture(scope="module", params=["the server itself", "in pieces"])
def reading(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Reading"]:
    """A server that gives up after six seconds, with a large file: sent by granian, or piece by piece by us."""
    key = {"HOLDALL_ENCRYPTION_KEY": "00" * 32} if request.param == "in pieces" else {}
    with running_server(tmp_path_factory.mktemp("reading") / "data", HOLDALL_STALL_SECONDS="2", **key) as server:
        door = doors(server)["bika"]
        answer = exchange(server, door.post(door.form(Part("file", BIG, "a.bin"))))
        yield Reading(server, answer.json()["data"][0]["url"])


@dataclass
class Reading:
    """A file behind a link, and who is at it."""

    server: RunningServer
    url: str

    def begin(self, room: int = 4096) -> socket.socket:
        """Ask for it, with little room to put it."""
        target = self.url.removeprefix(self.server.base_url)
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        connection.connect(("127.0.0.1", self.server.port))
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return connection

    def is_held(self, connection: socket.socket) -> bool:
        """Whether the server has this connection still."""
        client = connection.getsockname()
        held = psutil.Process(self.server.process.pid).net_connections("tcp")
        return any(one.raddr == client for one in held if one.raddr)

    def open_blobs(self) -> list[str]:
        """Files of the store that the server has open."""
        return [file.path for file in psutil.Process(self.server.process.pid).open_files() if "/blobs/" in file.path]


def test_who_takes_nothing_of_an_answer_is_given_up(reading: Reading):
    """Also when they take a byte now and then; and what was open for them is closed."""
    with closing(reading.begin()) as connection:
        began = time.monotonic()
        while connection.recv(1) and reading.is_held(connection):
            time.sleep(0.25)
            assert time.monotonic() - began < 25, "held for ever"
        assert time.monotonic() - began > 5, "given up too soon"
        while time.monotonic() - began < 30 and reading.open_blobs():
            time.sleep(0.25)
        assert reading.open_blobs() == []
    assert reading.server.is_healthy()


def test_who_takes_an_answer_slowly_and_steadily_gets_it(reading: Reading):
    """At 80 KB a second, for twice the patience; the kernel tells of what was read in steps of 64 KB."""
    with closing(reading.begin(65_536)) as connection:
        began, took = time.monotonic(), bytearray()
        while time.monotonic() - began < 12:
            took += connection.recv(20_000)
            time.sleep(0.25)
        while piece := connection.recv(1 << 20):
            took += piece
    assert took.endswith(BIG)
    assert len(took) < len(BIG) + 2000


def test_a_body_that_stalls_is_told_so(tmp_path: Path):
    """408 in the dialect's JSON, and the connection is closed."""
    with running_server(tmp_path / "data", HOLDALL_STALL_SECONDS="1") as server:
        for door in doors(server).values():
            head = door.post(door.form()[:-50], length=len(door.form()))
            answer = exchange(server, head)
            assert answer.status == 408
            assert answer.headers["content-type"] == "application/json"
