"""Schedules: a job for each span of time, of the same name whoever keeps it; and seats, by which the dead are known."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from holdall.adapters.seats import Seats
from holdall.errors import DatabaseUnavailable
from holdall.flows import schedule
from holdall.flows.schedule import Schedule, keep
from holdall.ports import Job

HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
NOT_NOW = 1


async def do_nothing(_span: str) -> None:
    """What a schedule here is about."""


def test_every_moment_of_a_span_has_one_job_and_the_next_span_another():
    hourly = Schedule("sweep", HOUR, do_nothing)
    moments = [BEGIN, BEGIN + timedelta(minutes=59, seconds=59), BEGIN + HOUR]

    first, last, next_one = [hourly.job(moment) for moment in moments]

    assert first == last
    assert first.id == f"sweep.{first.argument}"
    assert int(next_one.argument) == int(first.argument) + 1
    assert hourly.job(BEGIN.astimezone()).id == first.id


def test_a_span_is_given_once_and_again_only_when_it_was_not_taken(monkeypatch: pytest.MonkeyPatch):
    """Twelve looks, twenty minutes apart; the engine is away for the first."""
    monkeypatch.setattr(schedule, "LOOK_SECONDS", 0)
    now, offered = BEGIN, list[str]()

    class Engine:
        async def enqueue(self, jobs: Sequence[Job]) -> None:
            offered.extend(job.id for job in jobs)
            if len(offered) <= NOT_NOW:
                raise DatabaseUnavailable("away")

    def tick() -> datetime:
        nonlocal now
        now += timedelta(minutes=20)
        if now > BEGIN + timedelta(hours=4):
            raise LookupError
        return now

    clock: Any = SimpleNamespace(now=tick)
    engine: Any = Engine()
    with pytest.raises(LookupError):
        asyncio.run(keep([Schedule("sweep", HOUR, do_nothing)], engine, clock))

    first = int(BEGIN.timestamp() // 3600)
    assert offered == [f"sweep.{first + span}" for span in (0, 0, 1, 2, 3, 4)]


def test_each_process_has_a_seat_of_its_own_and_those_that_were_left_are_known(tmp_path: Path):
    seats = Seats(tmp_path / "engines", "local")
    with ExitStack() as others:
        with seats.taken() as mine, seats.taken() as second:
            assert others.enter_context(seats.taken()) == "local.2"
            assert (mine, second) == ("local", "local.1")
            with seats.left() as left:
                assert left == []
        with seats.left() as left:
            assert left == ["local", "local.1"]
            assert others.enter_context(seats.taken()) == "local.3"  # nobody sits down while the dead are counted
        assert others.enter_context(seats.taken()) == "local"
