"""The worker: a process that does jobs and answers nobody. Any number of them may work beside any number of servers."""

import asyncio
import signal

import structlog
import uvloop

from holdall.app import teller
from holdall.bootstrap import jobs_done, make_links, open_services, watched
from holdall.settings import Settings
from holdall.upkeep import schedules

log = structlog.get_logger()
DRAIN_SECONDS = 20.0
"""For messages in hand to end after we were asked to stop; a supervisor's patience is 30 s or more."""


def work(settings: Settings) -> None:
    """Do jobs until SIGTERM or SIGINT; what is in hand is finished first, if it does not take too long."""
    uvloop.run(_work(settings))


async def _work(settings: Settings) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    if settings.jobs == "here":
        log.warning("servers do jobs by themselves, too", setting="HOLDALL_JOBS", value=settings.jobs)
    async with watched(settings) as meter, open_services(settings, "worker", meter=meter) as services:
        tell = teller(make_links(settings), services.clock)
        async with jobs_done(settings, services, tell, schedules(services, settings), DRAIN_SECONDS):
            log.info("working", data=str(settings.data))
            await asked.wait()
            log.info("stopping")
