"""Who is at work on a database: any number of services together, or one move alone.

SQLite's file has another beside it, ``….lock``, on which services hold a shared lock and a move an exclusive one; the
system drops either with its process, however that ends. (The database's own file is no place for a lock of ours:
closing it would drop SQLite's.) PostgreSQL knows by itself which services are connected, by the name that they give;
for a move there is an advisory lock, which ends with its connection.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, text

from holdall.adapters.db.engine import is_in_memory, parse
from holdall.adapters.db.postgres import APPLICATION
from holdall.errors import Conflict

_MOVING = 0x686F6C646D6F7665
"""The advisory lock of moves; spells ``holdmove``."""
_FILE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_TRY_ALONE = text("SELECT pg_try_advisory_lock(:lock)")
_TRY_TOGETHER = text("SELECT pg_try_advisory_xact_lock_shared(:lock)")
_SERVICES = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = :name AND pid <> pg_backend_pid()"
)

IS_MOVING = "the database is being moved: wait until `holdall move-database` is done"
IS_SERVED = "a service or another command is at work on {}: stop it, and begin again"


@contextmanager
def at_work(url: str) -> Iterator[None]:
    """Have no move begin while we are at work on the database. On PostgreSQL, our connections tell of us anyhow.

    Raises:
        Conflict: one is under way.

    """
    address = parse(url)
    if is_in_memory(address) or address.drivername != "sqlite":
        yield
        return
    with locked(_lock_of(address), IS_MOVING, is_shared=True):
        yield


def ensure_still(connection: Connection) -> None:
    """Let through who is about to begin work on a database that is not being moved. Of SQLite, ``at_work`` does that.

    Raises:
        Conflict: it is.

    """
    is_told = connection.dialect.name == "postgresql"
    if is_told and not connection.scalar(_TRY_TOGETHER, {"lock": _MOVING}):
        raise Conflict(IS_MOVING, 0)


@contextmanager
def alone(connection: Connection, address: URL) -> Iterator[None]:
    """Have nobody else be at work on the database of this connection, nor begin, as long as the context is open.

    Raises:
        Conflict: somebody is.

    """
    taken = IS_SERVED.format(address.render_as_string())
    if address.drivername == "sqlite":
        with locked(_lock_of(address), taken):
            yield
        return
    if not connection.scalar(_TRY_ALONE, {"lock": _MOVING}):
        raise Conflict(IS_MOVING, 0)
    if connection.scalar(_SERVICES, {"name": APPLICATION}):
        raise Conflict(taken, 0)
    yield


@contextmanager
def locked(path: Path, taken: str, *, is_shared: bool = False) -> Iterator[None]:
    """Hold a lock on this file, which is made if need be, as long as the context is open.

    Raises:
        Conflict: somebody else holds it, with the reason ``taken``.

    """
    fd = os.open(path, _FILE, 0o600)
    try:
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(taken, 0) from error
        yield
    finally:
        os.close(fd)


def _lock_of(address: URL) -> Path:
    return Path(f"{address.database}.lock")
