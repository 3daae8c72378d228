"""The job engine does each job once, takes up what was left, and goes quietly; on both kinds of database."""

import asyncio
import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.contextvars import get_contextvars

from holdall.adapters.job_books import JobBooks
from holdall.adapters.jobs import DbosJobs
from holdall.errors import Conflict, DatabaseUnavailable, Missing
from holdall.ports import Job, JobState

SECONDS = 20


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.sqlite3'}"
    address: str = request.getfixturevalue("postgres").make_database()
    return address


def look_into_books(url: str) -> None:
    """One job failed; it is begun anew, once, and no other."""
    books = JobBooks(url)
    [failed] = books.unfinished(10)
    assert (failed.id, failed.kind, failed.argument, failed.state) == ("a.bad", "test", "bad", JobState.FAILED)
    assert failed.reason == "ValueError: bad"
    assert abs(datetime.now(UTC) - failed.since) < timedelta(minutes=5)
    with pytest.raises(Conflict):
        books.replay("a.2")
    with pytest.raises(Missing):
        books.replay("a.none")
    assert books.replay("a.bad") == "a.bad~1"
    with pytest.raises(Missing):
        books.replay("a.bad")


def threads_left() -> list[str]:
    """Threads of the engine that do not end; those of its pool may take a moment, for which it does not wait."""
    left = [thread for thread in threading.enumerate() if "dbos" in thread.name.lower()]
    for thread in left:
        thread.join(10)
    return [thread.name for thread in left if thread.is_alive()]


def test_jobs_are_done_once_in_the_loop_that_opened_the_engine_and_taken_up_after_a_stop(  # noqa: PLR0915  see below
    url: str, caplog: pytest.LogCaptureFixture
):
    """One story, for the engine takes a second to start: repeats, failures, a job cut short, and a second start."""
    done: list[str] = []
    loops: set[int] = set()
    named: set[tuple[str, str]] = set()
    broken_off: list[str] = []
    is_stuck = True

    async def walk(argument: str) -> None:
        try:
            await work(argument)
        except asyncio.CancelledError:
            broken_off.append(argument)
            raise

    async def work(argument: str) -> None:
        loops.add(id(asyncio.get_running_loop()))
        named.add((argument, get_contextvars()["job"]))
        done.append(argument)
        if argument == "bad":
            raise ValueError(argument)
        if argument in {"slow", "long"} and is_stuck:
            await asyncio.Event().wait()

    async def until(count: int) -> None:
        async with asyncio.timeout(SECONDS):
            while len(done) < count:  # noqa: ASYNC110  other threads do it
                await asyncio.sleep(0.01)

    async def first() -> None:
        assert JobBooks(url).unfinished(10) == []
        jobs = DbosJobs(url, {"test": work, "walk": walk}, hasty=["walk"], patience=0.2)
        assert threading.active_count() < 20
        await jobs.enqueue([Job(f"a.{each}", "test", str(each)) for each in (1, 2, "bad")])
        await until(3)
        await jobs.enqueue([Job("a.1", "test", "1"), Job("a.slow", "test", "slow")])
        await jobs.enqueue([Job("a.long", "walk", "long")])
        await until(5)
        running = JobBooks(url).unfinished(10)
        assert [(job.id, job.state, job.worker) for job in running if job.state is not JobState.FAILED] == [
            (id, JobState.RUNNING, "local") for id in ("a.slow", "a.long")
        ]
        await jobs.close()
        assert jobs.running == 0
        await jobs.close()
        with pytest.raises(DatabaseUnavailable):
            await jobs.enqueue([Job("a.3", "test", "3")])
        assert loops == {id(asyncio.get_running_loop())}
        assert {argument for argument, job in named if argument == job} == {"1", "2", "bad", "slow", "long"}
        assert broken_off == ["long"]

    async def second() -> None:
        jobs = DbosJobs(url, {"test": work, "walk": walk}, "another")
        assert await jobs.take_up(["local"]) == 0
        await jobs.enqueue([Job("a.2", "test", "2"), Job("a.4", "test", "4")])
        await until(6)
        assert "slow" not in done[5:]  # that is somebody else's, for all we know
        assert await jobs.take_up(["local", "nobody"]) == len(["slow", "long"])
        await until(8)
        assert await jobs.take_up(["local"]) == 0
        look_into_books(url)
        await until(9)
        await jobs.forget(datetime.now(UTC) + timedelta(hours=1))
        await jobs.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(first())
        is_stuck = False
        asyncio.run(second())

    assert sorted(done) == ["1", "2", "4", "bad", "bad", "long", "long", "slow", "slow"]
    assert threads_left() == []
