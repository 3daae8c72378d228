"""The servers under measure: started in folders of their own, awaited, stopped."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parent.parent
PYTHON = sys.executable
_PYTHON_PATH = os.pathsep.join([str(ROOT), str(ROOT / "src")])
"""This checkout, whichever one is installed."""
_GIVE_UP_SECONDS = 60.0
_STOP_SECONDS = 20.0
_ASK_AGAIN_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers."""

    pid: int
    port: int
    seconds_to_answer: float
    """From the start of the process to its first answer."""


@dataclass(frozen=True, slots=True)
class Holdall:
    """Ours, and what a client needs to call it."""

    server: Server
    tenant: Mapping[str, str]
    cookie: str

    @property
    def bearer(self) -> dict[str, str]:
        """The header that Bika's clients send."""
        return {"Authorization": f"Bearer {self.tenant['token']}"}

    @property
    def person(self) -> dict[str, str]:
        """The header that Pika's clients send."""
        return {"Cookie": f"pika_token={self.cookie}"}

    @property
    def attachments_path(self) -> str:
        """Where Bika's clients upload."""
        return f"/api/openapi/bika/v1/spaces/{self.tenant['space_id']}/attachments"

    @property
    def records_path(self) -> str:
        """Where Bika's clients change records."""
        space, database = self.tenant["space_id"], self.tenant["database_id"]
        return f"/api/openapi/bika/v1/spaces/{space}/resources/databases/{database}/records"


@contextmanager
def holdall(folder: Path, **given: str) -> Iterator[Holdall]:
    """Holdall on the data of this folder, made where there is none yet, with the settings of a new installation.

    ``given`` are other settings, such as ``ENCRYPTION_KEY``.
    """
    port = free_port()
    environ = _holdall_environ(folder, port) | {f"HOLDALL_{name}": value for name, value in given.items()}
    made = subprocess.run(
        [PYTHON, "-m", "holdall.cli", "demo", "--json"],
        env=environ | {"PYTHONPATH": _PYTHON_PATH},
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    told: dict[str, Any] = msgspec.json.decode(made.stdout)
    with running([PYTHON, "-m", "holdall.cli", "serve"], port, folder, environ, ROOT) as server:
        yield Holdall(server, told["bika"], told["pika"][0]["cookie"])


@contextmanager
def holdall_again(folder: Path) -> Iterator[Server]:
    """Holdall on data that is there."""
    port = free_port()
    with running([PYTHON, "-m", "holdall.cli", "serve"], port, folder, _holdall_environ(folder, port), ROOT) as server:
        yield server


def environ_of(folder: Path) -> dict[str, str]:
    """What a command of ours is run with on the data of this folder, while no server runs there."""
    return _holdall_environ(folder, free_port()) | {"PYTHONPATH": _PYTHON_PATH}


def _holdall_environ(folder: Path, port: int) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOLDALL_")}
    given = {"PORT": str(port), "DATA_DIR": str(folder / "data"), "RATE_LIMIT": "off", "LOG_LEVEL": "warning"}
    return clean | {f"HOLDALL_{name}": value for name, value in given.items()}


@contextmanager
def bare(folder: Path) -> Iterator[Server]:
    """The bare receiver, which keeps files in the folder."""
    port = free_port()
    with running([PYTHON, "-m", "bench.reference.bare", str(port)], port, folder) as server:
        yield server


@contextmanager
def plain(folder: Path) -> Iterator[Server]:
    """The plain service, which keeps files in the folder."""
    port = free_port()
    with running(_asgi_command("bench.reference.plain:app", port), port, folder) as server:
        yield server


@contextmanager
def listing(folder: Path) -> Iterator[Server]:
    """Records in one JSON column, out of the database in the folder."""
    port = free_port()
    with running(_asgi_command("bench.reference.listing:app", port), port, folder) as server:
        yield server


@contextmanager
def files(folder: Path) -> Iterator[Server]:
    """Starlette's ``FileResponse`` on granian, for the files of the folder."""
    port = free_port()
    with running(_granian_command("bench.reference.files:app", port), port, folder) as server:
        yield server


def name_of_plain() -> str:
    """The plain service with what it runs on, for captions."""
    return f"FastAPI + UploadFile on {'uvicorn' if find_spec('uvicorn') else 'granian'}"


def _asgi_command(app: str, port: int) -> list[str]:
    if find_spec("uvicorn"):
        return [PYTHON, "-m", "uvicorn", app, "--port", str(port), "--no-access-log", "--log-level", "warning"]
    return _granian_command(app, port)


def _granian_command(app: str, port: int) -> list[str]:
    options = ["--interface", "asgi", "--loop", "uvloop", "--no-ws", "--log-level", "warning"]
    return [PYTHON, "-m", "granian", *options, "--port", str(port), app]


@contextmanager
def running(
    command: Sequence[str], port: int, folder: Path, environ: Mapping[str, str] = os.environ, cwd: Path | None = None
) -> Iterator[Server]:
    """The command while it serves on this port; its output goes to a file in the folder.

    Raises:
        RuntimeError: it ended, or never answered. What it printed is noted on this and any other error.

    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "server.log"
    with log.open("ab") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd or folder, env={**environ, "PYTHONPATH": _PYTHON_PATH}, stdout=output, stderr=output
        )
        try:
            _wait_for_answer(process, port)
            yield Server(process.pid, port, time.perf_counter() - began)
        except Exception as error:
            error.add_note(f"{folder.name}/server.log: {_end_of(log) or 'empty'}")
            raise
        finally:
            _stop(process)


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:].strip()


def _wait_for_answer(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.perf_counter() + _GIVE_UP_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.perf_counter() > until:
            raise RuntimeError(f"{process.args!r} does not serve")
        time.sleep(_ASK_AGAIN_SECONDS)


def _answers(port: int) -> bool:
    """Whether any HTTP answer comes; the bare receiver and the file server know no health check."""
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), _GIVE_UP_SECONDS) as connection:
            connection.sendall(request)
            return connection.recv(64).startswith(b"HTTP/1.1 ")
    except OSError:
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder that is gone afterwards; so is the one around it, when nothing else is in it."""
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.parent.rmdir()
