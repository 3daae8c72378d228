"""The job engine's books, read from outside: what waits, what runs, what failed and why; and a failed job begun anew.

The engine need not run for that, and is not started.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from holdall.adapters.db.engine import parse
from holdall.adapters.jobs import QUEUE, SCHEMA, VERSION, WORKFLOW
from holdall.errors import Conflict, DatabaseUnavailable, Missing
from holdall.ports import JobState, KnownJob

if TYPE_CHECKING:
    from dbos import DBOSClient, WorkflowStatus

_STATES = {
    "ENQUEUED": JobState.WAITING,
    "DELAYED": JobState.WAITING,
    "PENDING": JobState.RUNNING,
    "SUCCESS": JobState.DONE,
}
"""Whatever else the engine knows is a failure."""
_FAILED = ("ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_TRIES = "~"
"""Between a job's id and the number of times that it was begun anew."""


class JobBooks:
    """The books of the engine on this database; there may be none yet."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    def unfinished(self, limit: int) -> Sequence[KnownJob]:
        """What waits, what runs and what failed, oldest first, of each at most ``limit``.

        Raises:
            DatabaseUnavailable: the books cannot be read.

        """
        with self._client() as client:
            if client is None:
                return []
            groups = (("ENQUEUED", "DELAYED"), ("PENDING",), _FAILED)
            found = [client.list_workflows(status=[*group], limit=limit, queue_name=QUEUE) for group in groups]
            return [_known(each) for some in found for each in some]

    def replay(self, id: str) -> str:
        """Begin a failed job anew, under an id that is returned; the failed one is forgotten.

        Raises:
            Missing: there is no such job.
            Conflict: it has not failed.
            DatabaseUnavailable: the books cannot be read or written to. Safe to repeat.

        """
        with self._client() as client:
            found = client.list_workflows(workflow_ids=[id]) if client else []
            if client is None or not found:
                raise Missing("job", id)
            job = _known(found[0])
            if job.state is not JobState.FAILED:
                raise Conflict(f"job {id} is {job.state}; only a failed one is begun anew", 0)
            name, _, tries = id.partition(_TRIES)
            fresh = f"{name}{_TRIES}{int(tries or 0) + 1}"
            # In this order, so that a crash leaves one too many rather than none; the engine takes an id once.
            client.enqueue(
                {"workflow_name": WORKFLOW, "queue_name": QUEUE, "workflow_id": fresh, "app_version": VERSION},
                job.kind,
                job.argument,
            )
            client.delete_workflows([id])
            return fresh

    @contextmanager
    def _client(self) -> "Iterator[DBOSClient | None]":
        try:
            if not self._is_there():
                yield None
                return
            from dbos import DBOSClient  # noqa: PLC0415  a second and 40 MB

            client = DBOSClient(
                system_database_url=self._url,
                dbos_system_schema=SCHEMA,
                application_name="holdall",
                retry_connection_errors=False,
            )
            try:
                yield client
            finally:
                client.destroy()
        except SQLAlchemyError as error:
            raise DatabaseUnavailable(f"job engine: {type(error).__name__}") from error

    def _is_there(self) -> bool:
        """Whether an engine ever ran here; looking does not make a file."""
        address = parse(self._url)
        is_file = address.get_backend_name() == "sqlite"
        if is_file and not Path(address.database or "").exists():
            return False
        engine = create_engine(address)
        try:
            return inspect(engine).has_table("workflow_status", schema=None if is_file else SCHEMA)
        finally:
            engine.dispose()


def _known(told: "WorkflowStatus") -> KnownJob:
    kind, argument = told.input["args"] if told.input else ("", "")
    began = told.dequeued_at or told.created_at if told.status == "PENDING" else told.completed_at or told.created_at
    return KnownJob(
        id=told.workflow_id,
        kind=kind,
        argument=argument,
        state=_STATES.get(told.status, JobState.FAILED),
        since=datetime.fromtimestamp((began or 0) / 1000, UTC),
        reason=str(told.error or told.status.lower().replace("_", " ")) if told.status in _FAILED else "",
        worker=(told.executor_id or "") if told.status == "PENDING" else "",
    )
