"""PostgreSQL: several threads, each with a connection that it keeps while there is work."""

from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, text

from holdall.adapters.db import codec
from holdall.adapters.db.faults import is_worth_another_run, translate
from holdall.adapters.db.lanes import Task
from holdall.adapters.db.ledger import SqlLedger

RUNS = 4
"""A story that PostgreSQL gave up on is run again up to three times."""
_KEPT_SECONDS = 2.0
"""A connection unused for longer goes back to the pool, which asks the server whether it still lives."""
_CONNECT_SECONDS = 10
APPLICATION = "holdall"
"""What our connections are called at the server, where a move looks for them."""


def make_engine(url: URL, size: int, *, is_for_reading: bool, name: str = APPLICATION) -> Engine:
    """Make an engine with a pool of ``size`` connections; those for reading see one snapshot in each transaction."""
    settings = "-c timezone=UTC" + (" -c default_transaction_read_only=on" if is_for_reading else "")
    return create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ" if is_for_reading else "READ COMMITTED",
        connect_args={"options": settings, "connect_timeout": _CONNECT_SECONDS, "application_name": name},
        **codec.ENGINE_OPTIONS,
    )


_NO_WAIT = text("SET LOCAL synchronous_commit = off")


class Transactor:
    """Runs each story in a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._used_at = 0.0

    def serve(self, tasks: Sequence[Task[Any]]) -> None:
        """Commit each story, or undo it where it fails."""
        for task in tasks:
            for _ in range(RUNS):
                self._transact(task)
                if task.error is None or not is_worth_another_run(task.error):
                    break
            if task.error is not None:
                task.error = translate(task.error)

    def close(self) -> None:
        """Give the connection back to the pool."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()

    def _transact(self, task: Task[Any]) -> None:
        try:
            connection, ledger = self._open()
            if not task.is_durable:
                connection.execute(_NO_WAIT)
            task.run(ledger)
            if task.error is None:
                connection.commit()
            else:
                connection.rollback()
        except Exception as error:  # noqa: BLE001  the caller's, not this thread's
            # A connection lost in a commit says nothing of whether it took place, so that is not for a second run.
            task.error = task.error or (error if is_worth_another_run(error, may_be_lost=False) else translate(error))
            self.close()
        self._used_at = monotonic()

    def _open(self) -> tuple[Connection, SqlLedger]:
        if self._connection is not None and self._is_doubtful(self._connection):
            self.close()
        if self._connection is None:
            self._connection = self._engine.connect()
            self._ledger = SqlLedger(self._connection)
        return self._connection, self._ledger

    def _is_doubtful(self, connection: Connection) -> bool:
        return connection.invalidated or monotonic() - self._used_at > _KEPT_SECONDS
