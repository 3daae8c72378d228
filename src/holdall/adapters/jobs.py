"""The durable job engine: DBOS Transact, on a SQLite file of its own or on the PostgreSQL that the rows are in.

It is imported and launched with the first job: that takes some 40 MB and over a second, which a server that never has
one does not spend. It talks to its database and to nobody else: no conductor, no telemetry, no port of its own.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars

from holdall.errors import DatabaseUnavailable
from holdall.ports import Handler, Job

log = structlog.get_logger()
QUEUE, SCHEMA, WORKFLOW = "holdall", "holdall_jobs", "holdall.job"
"""What the engine calls ours."""
POLL_SECONDS = 0.25
AT_ONCE = 64
"""Jobs running in one process; nearly all of them wait for an answer."""
STOP_SECONDS = 5
"""For what runs to end when a server stops, whose clients have had their own time by then."""
BATCH = 500
VERSION = "1"
"""Ours of what a job means, and no digest of the source: a newer Holdall takes up what an older one left."""


class DbosJobs:
    """``ports.Jobs`` by DBOS. One of them may run in a process at a time: the engine is the process's."""

    def __init__(
        self,
        database_url: str,
        handlers: Mapping[str, Handler],
        executor: str = "local",
        *,
        hasty: Collection[str] = (),
        patience: float | None = None,
    ) -> None:
        self._url = database_url
        self._handlers = handlers
        self._executor = executor
        """Takes up again what it was at when it crashed; of several processes, each has its own name."""
        self._hasty = hasty
        """Kinds that are broken off by a stop, and go on where they were when they are taken up again."""
        self._patience = patience
        self._launching = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: dict[asyncio.Task[Any], str] = {}
        self._is_launched = self._is_closed = False

    async def enqueue(self, jobs: Sequence[Job]) -> None:
        """Have these jobs done soon."""
        await self.launch()
        try:
            await asyncio.to_thread(_enqueue, jobs)
        except Exception as error:
            raise DatabaseUnavailable(f"job engine: {type(error).__name__}") from error

    async def launch(self) -> None:
        """Start, and take up what was left unfinished. Safe to repeat."""
        async with self._launching:
            if self._is_closed:
                raise DatabaseUnavailable("job engine: closed")
            if not self._is_launched:
                self._loop = asyncio.get_running_loop()
                try:
                    await asyncio.to_thread(_launch, self, self._url, self._executor)
                except Exception as error:
                    raise DatabaseUnavailable(f"job engine: {error!r}") from error
                self._is_launched = True
                log.info("job engine runs", polling_seconds=POLL_SECONDS)

    async def take_up(self, executors: Sequence[str]) -> int:
        """Have what these were at done again, who are surely gone; says how many jobs. Nothing if we do not run.

        Raises:
            DatabaseUnavailable: some or all of them were not taken up. Safe to repeat.

        """
        if not (self._is_launched and executors):
            return 0
        try:
            return await asyncio.to_thread(_take_up, executors)
        except Exception as error:
            raise DatabaseUnavailable(f"job engine: {type(error).__name__}") from error

    async def forget(self, before: datetime) -> None:
        """Drop what is known of jobs that were done before this time."""
        if self._is_launched:
            await asyncio.to_thread(_forget, before)

    async def close(self) -> None:
        """Take up nothing more, wait a moment for what runs, and let go; what is cut short is done again."""
        self._is_closed = True
        async with self._launching:
            if not self._is_launched:
                return
            self._is_launched = False
            running = {**self._running}
            for task, kind in running.items():
                if kind in self._hasty:
                    task.cancel()
            if running:
                await asyncio.wait(running, timeout=STOP_SECONDS if self._patience is None else self._patience)
            await asyncio.to_thread(_stop)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)  # they clear up while there are services to do it by

    async def work(self, kind: str, argument: str) -> None:
        """Do a job, on the event loop that the services belong to; called by the engine, on a loop of its own."""
        is_done = False
        if not self._is_closed and self._loop is not None:
            is_done = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._do(kind, argument), self._loop))
        if not is_done:
            await asyncio.Event().wait()  # never: a job that is not done stays unfinished in the engine's books

    @property
    def running(self) -> int:
        """Jobs that this process is at."""
        return len(self._running)

    async def _do(self, kind: str, argument: str) -> bool:
        """Whether it was done: a stop breaks some off, and lets none begin."""
        task = asyncio.current_task()  # made for this job, with a context of its own
        if self._is_closed or task is None:
            return False
        self._running[task] = kind
        bind_contextvars(job=argument)
        try:
            await self._handlers[kind](argument)
        except asyncio.CancelledError:
            return False
        except Exception as error:
            log.warning("job failed", kind=kind, error=f"{type(error).__name__}: {error}")
            # The engine keeps the error, and whoever reads it there may not know its class.
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        finally:
            del self._running[task]
        return True


_open: DbosJobs | None = None
"""The one that the process's engine works for."""


@cache
def _workflow() -> "Callable[[str, str], Coroutine[Any, Any, None]]":
    """The one workflow there is, registered when the engine is first imported."""
    from dbos import DBOS  # noqa: PLC0415  see above

    @DBOS.workflow(name=WORKFLOW)
    async def job(kind: str, argument: str) -> None:
        if _open is not None:
            await _open.work(kind, argument)

    return job


def _launch(jobs: DbosJobs, url: str, executor: str) -> None:
    global _open  # noqa: PLW0603  as the engine's own
    from dbos import DBOS  # noqa: PLC0415  see above

    _open = jobs
    DBOS(
        config={
            "name": "holdall",
            "system_database_url": url,
            "dbos_system_schema": SCHEMA,
            "log_level": "ERROR",
            "enable_otlp": False,
            "application_version": VERSION,
            "executor_id": executor,
            "sys_db_pool_size": 4,
        }
    )
    _workflow()
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=AT_ONCE, polling_interval_sec=POLL_SECONDS)


def _enqueue(jobs: Sequence[Job]) -> None:
    from dbos import DBOS, SetWorkflowID  # noqa: PLC0415  see above

    for job in jobs:
        with SetWorkflowID(job.id):
            DBOS.enqueue_workflow(QUEUE, _workflow(), job.kind, job.argument)


def _take_up(executors: Sequence[str]) -> int:
    from dbos import DBOS  # noqa: PLC0415  see above

    taken = 0
    while found := DBOS.list_workflows(
        status="PENDING", executor_id=[*executors], limit=BATCH, load_input=False, load_output=False
    ):
        DBOS.resume_workflows([each.workflow_id for each in found], queue_name=QUEUE)
        taken += len(found)
    return taken


def _forget(before: datetime) -> None:
    from dbos import DBOS  # noqa: PLC0415  see above

    done = ["SUCCESS", "ERROR", "CANCELLED"]
    while True:
        found = DBOS.list_workflows(
            status=done, end_time=before.isoformat(), limit=BATCH, load_input=False, load_output=False
        )
        if found:
            DBOS.delete_workflows([each.workflow_id for each in found])
        if len(found) < BATCH:
            return


def _stop() -> None:
    global _open  # noqa: PLW0603  as in _launch
    from dbos import DBOS  # noqa: PLC0415  see above

    DBOS.destroy(workflow_completion_timeout_sec=0)
    _open = None
