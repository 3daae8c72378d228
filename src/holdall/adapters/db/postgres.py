"""PostgreSQL: a pool of connections, a thread for each."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import URL, Engine, create_engine

from holdall.adapters.db import codec
from holdall.adapters.db.faults import is_worth_another_run, translate
from holdall.adapters.db.lanes import Task
from holdall.adapters.db.ledger import SqlLedger

RUNS = 4
"""A story that PostgreSQL gave up on is run again up to three times."""


def make_engine(url: URL, size: int, *, is_for_reading: bool) -> Engine:
    """Make an engine with a pool of ``size`` connections; those for reading see one snapshot in each transaction."""
    options: dict[str, Any] = {"isolation_level": "REPEATABLE READ" if is_for_reading else "READ COMMITTED"}
    settings = "-c timezone=UTC" + (" -c default_transaction_read_only=on" if is_for_reading else "")
    return create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"options": settings, "connect_timeout": 10, "application_name": "holdall"},
        **options,
        **codec.ENGINE_OPTIONS,
    )


class Transactor:
    """Runs each story in a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def serve(self, tasks: Sequence[Task[Any]]) -> None:
        """Commit each story, or undo it where it fails."""
        for task in tasks:
            for _ in range(RUNS):
                task.error = None
                error = self._transact(task)
                if error is None or not is_worth_another_run(error):
                    break
            task.error = None if error is None else translate(error)

    def close(self) -> None:
        """Nothing to do: the connections are the pool's."""

    def _transact(self, task: Task[Any]) -> BaseException | None:
        try:
            with self._engine.connect() as connection:
                task.run(SqlLedger(connection))
                if task.error is None:
                    connection.commit()
        except Exception as error:  # noqa: BLE001  the caller's, not this thread's
            return task.error or error
        return task.error
