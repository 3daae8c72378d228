"""Schedules: what is to be done every so often is a job of each span of time, named by it.

Whoever keeps the schedule gives the span's job to the engine, and the engine takes an id once: so of any number of
workers one does it, and one that dies at it leaves a job that is taken up again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from holdall.errors import HoldallError
from holdall.ports import Clock, Handler, Job, Jobs

log = structlog.get_logger()
LOOK_SECONDS = 5.0
"""Between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is done once in each span of time; spans are counted from 1970 on, so that every worker counts the same."""

    kind: str
    every: timedelta
    handler: Handler

    def job(self, now: datetime) -> Job:
        """The job of the span that it is now."""
        span = int(now.timestamp() // self.every.total_seconds())
        return Job(f"{self.kind}.{span}", self.kind, str(span))


async def keep(schedules: Sequence[Schedule], jobs: Jobs, clock: Clock) -> None:
    """Give the job of each span to the engine as it begins, for ever; what fails is tried again with the next look."""
    given: set[str] = set()
    while True:
        due = [schedule.job(clock.now()) for schedule in schedules]
        if fresh := [job for job in due if job.id not in given]:
            try:
                await jobs.enqueue(fresh)
            except HoldallError as error:
                log.warning("schedules wait", error=str(error))
            else:
                given = {job.id for job in due}
        await asyncio.sleep(LOOK_SECONDS)
