"""A real Holdall for tests: ``holdall serve --demo`` in a process group of its own; and multipart bodies to send it."""

import asyncio
import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from holdall.bootstrap import open_services
from holdall.demo import credentials
from holdall.ports import Services
from holdall.settings import read_settings
from tests.support.commands import completed
from tests.support.engines import engines_for

T = TypeVar("T")

BOUNDARY = "holdall-test-boundary"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
START_SECONDS = 60
STOP_SECONDS = 30
_DISPOSITION = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""How browsers write what would end a quoted name."""


@dataclass(frozen=True)
class Part:
    """One part of a multipart body; with a ``filename`` it is a file."""

    name: str
    content: bytes = b""
    filename: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The part as it goes over the wire, without boundaries."""
        disposition = f'form-data; name="{self.name.translate(_DISPOSITION)}"'
        if self.filename is not None:
            disposition += f'; filename="{self.filename.translate(_DISPOSITION)}"'
        lines = [f"{name}: {value}" for name, value in {"Content-Disposition": disposition, **self.headers}.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.content


def encode_form(*parts: Part, boundary: str = BOUNDARY, end: bytes = b"\r\n") -> bytes:
    """A multipart body of these parts; ``end`` stands behind the last boundary."""
    mark = f"--{boundary}".encode()
    return b"".join(mark + b"\r\n" + part.encode() + b"\r\n" for part in parts) + mark + b"--" + end


@dataclass
class RunningServer:
    """One server process group and what is needed to talk to it. ``data`` outlives it."""

    data: Path
    env: Mapping[str, str]
    port: int
    process: "subprocess.Popen[bytes]"
    log_path: Path
    ready_seconds: float = 0.0
    """From the start of the process to the first good answer."""

    @property
    def base_url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def demo(self) -> dict[str, Any]:
        """What ``holdall demo --json`` says: two tenants with tokens, two people with cookies."""

        async def story(services: Services) -> dict[str, Any]:
            return await credentials(services, self.base_url)

        return operate(self, story)

    def is_healthy(self, seconds: float = 2.0) -> bool:
        """Whether ``GET /healthz`` is 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        with closing(connection), suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        return False

    def staged(self) -> list[str]:
        """What lies in the staging folder."""
        return sorted(path.name for path in (self.data / "staging").iterdir())

    def kill(self) -> None:
        """Kill the whole process group at once, as a power cut would. Safe to repeat."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop and return its exit code. Raises ``subprocess.TimeoutExpired`` when it does not."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)

    def log(self) -> str:
        """What it wrote to standard error so far."""
        return self.log_path.read_text(errors="replace")


@contextmanager
def running_server(data_dir: Path, **env: str) -> Iterator[RunningServer]:
    """A server on a free port with its data in ``data_dir``; nothing of it is left running afterwards.

    ``env`` gives settings, such as ``HOLDALL_STALL_SECONDS="1"``. Rate limits are off unless set.
    """
    server = start_server(data_dir, **env)
    try:
        yield server
    finally:
        server.kill()


def start_server(data_dir: Path, **env: str) -> RunningServer:
    """As ``running_server``; the caller stops it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = server_env(data_dir, port, engines_for(data_dir, env) | dict(env))
    log_path = data_dir.with_name(f"{data_dir.name}.log")
    demo = [] if log_path.exists() else ["--demo"]  # which stays, and would only set passwords anew
    began = time.monotonic()
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            command("serve", *demo), env=settings, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
        )
    server = RunningServer(data_dir, settings, port, process, log_path)
    _wait_until_ready(server)
    server.ready_seconds = time.monotonic() - began
    return server


def server_env(data_dir: Path, port: int, env: Mapping[str, str]) -> dict[str, str]:
    """A clean environment: what a process needs to run at all, and our settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ}
    return kept | {
        "HOLDALL_PORT": str(port),
        "HOLDALL_DATA_DIR": str(data_dir),
        "HOLDALL_RATE_LIMIT": "off",
        **env,
    }


def command(*arguments: str) -> Sequence[str]:
    """The command line of ``holdall``, of the checkout that the tests run in."""
    return [sys.executable, "-m", "holdall.cli", *arguments]


def run_command(env: Mapping[str, str], *arguments: str) -> str:
    """What a ``holdall`` command prints; it must succeed."""
    done = completed(env, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def operate(server: RunningServer, story: Callable[[Services], Awaitable[T]]) -> T:
    """Tell a story on a running server's data from this process, as its command line would from another."""

    async def tell() -> T:
        async with open_services(read_settings(server.env)) as services:
            return await story(services)

    with ThreadPoolExecutor(1) as thread:  # the test may have a loop of its own
        return thread.submit(asyncio.run, tell()).result()


def rows(server: RunningServer, query: str) -> list[tuple[Any, ...]]:
    """What a running server's database holds, read with the plain driver."""
    url = read_settings(server.env).database
    path = url.removeprefix("sqlite:///")
    with closing(psycopg.connect(url) if path == url else sqlite3.connect(path)) as connection:
        return [tuple(row) for row in connection.execute(query).fetchall()]


def object_count(server: RunningServer) -> int:
    """How many objects lie where a running server keeps files."""

    async def count(services: Services) -> int:
        return len([stored async for stored in services.blobs.list()])

    return operate(server, count)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: RunningServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.is_healthy():
        if server.process.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise AssertionError(f"the server did not start:\n{server.log()[-4000:]}")
        time.sleep(0.02)
