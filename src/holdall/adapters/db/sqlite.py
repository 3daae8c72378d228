"""SQLite: one thread writes, in groups; others read snapshots beside it."""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from holdall.adapters.db import codec
from holdall.adapters.db.faults import translate
from holdall.adapters.db.lanes import Task
from holdall.adapters.db.ledger import SqlLedger
from holdall.adapters.db.tables import metadata
from holdall.errors import DatabaseUnavailable, StorageFull
from holdall.ports import Ledger

T = TypeVar("T")

MEMORY = ":memory:"
GROUP = 32
"""Stories in one commit at most: a commit waits for the disk (0.1 to 10 ms), a story for the stories before it."""
READERS = 2
_BUSY_SECONDS = 5.0
"""How long to wait for another process (a backup, a command line) that writes."""
_PRIMARY_CODE = 0xFF
_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CACHE_KIB = 16_384
_JOURNAL_BYTES = 64 << 20
"""The write-ahead log is cut back to this after a checkpoint."""


class Busy(Exception):  # noqa: N818  said of the database, as the others are of requests
    """The database cannot be read at this very moment, and nobody wants to wait here."""


def make_engine(path: str, busy_seconds: float = _BUSY_SECONDS) -> Engine:
    """Make an engine that only compiles and runs statements: transactions are begun and ended by the workers here."""
    return create_engine(
        "sqlite://", creator=lambda: connect(path, busy_seconds), poolclass=NullPool, **codec.ENGINE_OPTIONS
    )


def connect(path: str, busy_seconds: float = _BUSY_SECONDS) -> sqlite3.Connection:
    """Open the file (made for our eyes only where it is new) with everything set that a connection can forget."""
    if path != MEMORY:
        keep_private(Path(path))
    # No implicit BEGIN; a connection is made in one thread and may be closed in another.
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"cache_size = -{_CACHE_KIB}",
            f"journal_size_limit = {_JOURNAL_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()
    except BaseException:
        connection.close()
        raise
    return connection


def keep_private(path: Path) -> None:
    """Make the file with mode 0600, or give it that mode; SQLite gives its own side files the mode of this one.

    A file that is there is never opened: SQLite's locks are POSIX locks, and closing any descriptor of the file
    drops all those of this process. The next command line would then take itself for the last user of the database,
    and delete the write-ahead log under a running server.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        for side in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{path}{side}").chmod(0o600)


class _Worker:
    """Holds one connection, opened when first needed and again after it broke."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()

    def _open(self) -> tuple[sqlite3.Connection, SqlLedger]:
        if self._connection is not None and self._connection.invalidated:
            self.close()
        if self._connection is None:
            self._connection = self._engine.connect()
            self._ledger = SqlLedger(self._connection)
            self._prepare(self._connection)
        return _driver(self._connection), self._ledger

    def _prepare(self, connection: Connection) -> None:
        """Set what only this kind of worker needs."""

    def _abandon(self, driver: sqlite3.Connection) -> None:
        """Undo what is open; where even that fails, the connection is not to be trusted again."""
        try:
            if driver.in_transaction:
                driver.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()


class Reader(_Worker):
    """Runs each story on a snapshot of its own."""

    def serve(self, tasks: Sequence[Task[Any]]) -> None:
        """Run the stories one after the other."""
        for task in tasks:
            try:
                self._read(task)
            except Exception as error:  # noqa: BLE001  the caller's, not this thread's
                task.error = translate(error)

    def _prepare(self, connection: Connection) -> None:
        _driver(connection).execute("PRAGMA query_only = ON").close()

    def _read(self, task: Task[Any]) -> None:
        driver, ledger = self._open()
        driver.execute("BEGIN")
        task.run(ledger)
        if task.error is not None:
            task.error = translate(task.error)
        self._abandon(driver)


class Glancer(Reader):
    """Runs a story in the very thread that asks, the event loop's: a few rows by their keys, most of them in memory.

    A lookup takes SQLite 10 µs, and the way to another thread and back 75. Readers do not wait for writers in a
    write-ahead log; in the rare moments when they would (the log is being recovered), this one says so instead.
    """

    def glance(self, story: Callable[[Ledger], T]) -> T:
        """Return what the story returns, or raise what it raises.

        Raises:
            Busy: it would have to wait.

        """
        try:
            driver, ledger = self._open()
            driver.execute("BEGIN")
            try:
                return story(ledger)
            finally:
                self._abandon(driver)
        except Exception as error:
            if _is_busy(error):
                raise Busy from error
            raise translate(error) from None


class Writer(_Worker):
    """Runs a group of stories, each undone alone where it fails, and commits them together."""

    def serve(self, tasks: Sequence[Task[Any]]) -> None:
        """Commit the group, or tell every one of it that it was not committed."""
        try:
            driver, ledger = self._open()
            self._wait_for_disk(driver, any(task.is_durable for task in tasks))
            driver.execute("BEGIN IMMEDIATE")
            try:
                _run_each(driver, ledger, tasks)
                if driver.in_transaction:
                    driver.execute("COMMIT")
            except BaseException:
                self._abandon(driver)
                raise
        except Exception as error:  # noqa: BLE001  the callers', not this thread's
            for task in tasks:
                task.error = _not_committed(error)

    def _prepare(self, _connection: Connection) -> None:
        self._is_waiting = True  # as ``connect`` sets it

    def _wait_for_disk(self, driver: sqlite3.Connection, wanted: bool) -> None:  # noqa: FBT001  the setting's value
        """Let the next commit sync the log, or leave that to a later one: frames are written in order either way."""
        if wanted is not self._is_waiting:
            driver.execute(f"PRAGMA synchronous = {'FULL' if wanted else 'NORMAL'}").close()
            self._is_waiting = wanted


class MemoryWriter(Writer):
    """A writer whose database begins empty with each connection, and which nobody could migrate."""

    def _prepare(self, connection: Connection) -> None:
        super()._prepare(connection)
        metadata.create_all(connection)


def _run_each(driver: sqlite3.Connection, ledger: SqlLedger, tasks: Sequence[Task[Any]]) -> None:
    """Run each so that it can be undone alone; one that is alone is undone with its transaction."""
    if len(tasks) == 1:
        _run_alone(driver, ledger, tasks[0])
        return
    for task in tasks:
        driver.execute("SAVEPOINT story")
        task.run(ledger)
        if task.error is not None:
            if not driver.in_transaction:
                # SQLite undoes everything by itself when the disk is full or broken.
                raise task.error
            driver.execute("ROLLBACK TO story")
            task.error = translate(task.error)
        driver.execute("RELEASE story")


def _run_alone(driver: sqlite3.Connection, ledger: SqlLedger, task: Task[Any]) -> None:
    task.run(ledger)
    if task.error is not None:
        if not driver.in_transaction:  # as above
            raise task.error
        driver.execute("ROLLBACK")
        task.error = translate(task.error)


def _is_busy(error: BaseException) -> bool:
    driver = error.orig if isinstance(error, DBAPIError) else error
    return getattr(driver, "sqlite_errorcode", 0) & _PRIMARY_CODE in _BUSY_CODES


def _not_committed(error: Exception) -> BaseException:
    meaning = translate(error)
    if isinstance(meaning, DatabaseUnavailable | StorageFull):
        return meaning
    unavailable = DatabaseUnavailable(f"not committed: {error}")
    unavailable.__cause__ = error
    return unavailable


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101  for the type checker
    return driver
