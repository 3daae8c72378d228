"""A real Redis for tests: a process of our own, on a free port, that keeps nothing on the disk."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from tests.support.server import free_port

_SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
_PATIENCE_SECONDS = 20


@dataclass
class RedisServer:
    """How to reach the server, and how to trouble it."""

    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """What ``HOLDALL_REDIS_URL`` is set to."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """On the same port as before, empty."""
        assert _SERVER is not None
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen([_SERVER, *options], stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            assert self.process.poll() is None, "redis-server ended"
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.02)

    def kill(self) -> None:
        """As a power cut would. Safe to repeat."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def hang(self) -> None:
        """Have it take connections, and never answer."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After ``hang``."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def tell(self, *words: str) -> bytes:
        """The first line of the answer to a command."""
        return self.tell_all(*words)[0]

    def tell_all(self, *words: str) -> list[bytes]:
        """The lines of the answer to a command."""
        sent = b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words)
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
            line.sendall(f"*{len(words)}\r\n".encode() + sent)
            return line.recv(1 << 16).splitlines()

    def _answers(self) -> bool:
        with suppress(OSError):
            return self.tell("PING") == b"+PONG"
        return False


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """A server for the whole run, for who does it no harm; each xdist worker has its own."""
    yield from _running()


@pytest.fixture
def redis(shared_redis: RedisServer) -> RedisServer:
    """That server, empty."""
    shared_redis.tell("FLUSHALL")
    return shared_redis


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server to kill."""
    yield from _running()


def _running() -> Iterator[RedisServer]:
    if _SERVER is None:
        pytest.skip("there is no redis-server (Debian: apt-get install redis-server)")
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.kill()
