"""A real clamd for tests: a process of our own, on a free port and a unix socket, with hand-written signatures only."""

import hashlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.images import eicar
from tests.support.server import free_port

CLAMD = Path("/usr/sbin/clamd")
PATIENCE_SECONDS = 60
SIGNATURE = "Holdall.Test.Eicar.UNOFFICIAL"
"""clamd's own way to say that a signature is not from ClamAV."""
MARK = b"a mark that only ClamAV's signatures know"
MARK_SIGNATURE = "Holdall.Test.Mark.UNOFFICIAL"
LIMIT_BYTES = 8 << 20


@dataclass
class Clamd:
    """How to reach the daemon, and how to trouble it."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Over TCP."""
        return f"127.0.0.1:{self.port}"

    @property
    def unix_address(self) -> str:
        """Over its unix socket."""
        return f"unix:{self.folder}/socket"

    def hang(self) -> None:
        """Have it take connections, and never answer."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After ``hang``."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Be gone at once. Safe to repeat."""
        self.process.kill()
        self.process.wait()
        (self.folder / "socket").unlink(missing_ok=True)

    def start(self) -> None:
        """After ``stop``, at the same address."""
        started = start_clamd(self.folder, self.port, **self.options)
        self.process = started.process


@pytest.fixture(scope="session")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    """One daemon for all tests of a worker; whoever troubles one starts one of their own."""
    with running_clamd(tmp_path_factory.mktemp("clamd")) as running:
        yield running


@contextmanager
def running_clamd(folder: Path, **options: str) -> Iterator[Clamd]:
    """A daemon that answers; ``options`` are lines of its configuration."""
    running = start_clamd(folder, free_port(), **options)
    try:
        yield running
    finally:
        running.stop()


def start_clamd(folder: Path, port: int, **options: str) -> Clamd:
    """As ``running_clamd``; the caller stops it."""
    if not CLAMD.exists():
        pytest.fail(f"there is no {CLAMD}: apt install clamav-daemon")
    database = folder / "database"
    database.mkdir(exist_ok=True)
    write_signatures(database)
    (folder / "clamd.conf").write_text(_configuration(folder, port, options))
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [CLAMD, "--foreground", f"--config-file={folder}/clamd.conf"], stdout=log, stderr=log, cwd=folder
        )
    running = Clamd(folder, port, process, options)
    _wait(running)
    return running


def write_signatures(database: Path) -> None:
    """EICAR by its bytes anywhere, a mark by its bytes, and a file by its digest."""
    hexes = {"Holdall.Test.Eicar": eicar().hex(), "Holdall.Test.Mark": MARK.hex()}
    lines = [f"{name}:0:*:{pattern}\n" for name, pattern in hexes.items()]
    (database / "holdall.ndb").write_text("".join(lines))
    known = b"known by its digest"
    (database / "holdall.hsb").write_text(f"{hashlib.sha256(known).hexdigest()}:{len(known)}:Holdall.Test.Digest:73\n")


def _configuration(folder: Path, port: int, options: Mapping[str, str]) -> str:
    settings = {
        "DatabaseDirectory": f"{folder}/database",
        "TemporaryDirectory": str(folder),
        "LocalSocket": f"{folder}/socket",
        "TCPAddr": "127.0.0.1",
        "TCPSocket": str(port),
        "StreamMaxLength": str(LIMIT_BYTES),
        "MaxFileSize": str(LIMIT_BYTES),
        "MaxScanSize": str(4 * LIMIT_BYTES),
        "AlertExceedsMax": "yes",
        "MaxThreads": "4",
        "LogVerbose": "no",
        **options,
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _wait(running: Clamd) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and running.process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", running.port), 2) as connection:
            connection.sendall(b"zPING\0")
            if connection.recv(16) == b"PONG\0":
                return
        time.sleep(0.05)
    running.stop()
    pytest.fail(f"clamd did not start:\n{(running.folder / 'log').read_text()[-2000:]}")
