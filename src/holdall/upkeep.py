"""Upkeep: sweeps and scrubs beside a server's work or in a worker's, and what their commands print.

Names come from clients; ``domain.filename`` has taken out of them what a terminal would obey.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import msgspec
import structlog
from rich import box
from rich.table import Table

from holdall.domain.audit import EMPTY
from holdall.domain.leftovers import Pile
from holdall.domain.scrubs import Scrub
from holdall.errors import HoldallError
from holdall.flows.schedule import Schedule
from holdall.flows.scrub import Pace, lost_files, scrub_when_due
from holdall.flows.sweep import sweep_staged, sweep_unfinished
from holdall.ports import Services
from holdall.settings import Settings

log = structlog.get_logger()
TURN_SECONDS = 600.0
"""Between two looks at whether a scrub is due; the first comes as long after the start."""
SWEEP_SECONDS = 3600.0
"""Between two sweeps of what crashes left half-done; the first comes with the start."""
SWEEP, SCRUB = "sweep", "scrub"
"""The kinds of our jobs; both go on where they were when they are broken off."""
MIB = 1 << 20


class Sweeper:
    """Sweeps what crashes left half-done.

    Then the log is told where the audit log ends: whoever collects logs elsewhere can tell when its end was cut off.
    """

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services = services
        self._grace = timedelta(seconds=settings.pending_grace_seconds)
        self._told = EMPTY

    async def sweep(self) -> None:
        """Sweep once.

        Raises:
            HoldallError, OSError: not all of it was done. Safe to repeat.

        """
        swept = await sweep_unfinished(self._services, self._grace)
        if any(dataclasses.astuple(swept)):
            log.info("swept", **dataclasses.asdict(swept))
        head = await self._services.work.read(lambda ledger: ledger.audit.head())
        if head != self._told:
            log.info("audit log ends", head=str(head))
            self._told = head

    async def sweep_staged(self) -> None:
        """Sweep once what lies on this machine alone: workers do the rest.

        Raises:
            HoldallError, OSError: as ``sweep``.

        """
        if swept := await sweep_staged(self._services, self._grace):
            log.info("swept", staged=swept)


async def sweep_regularly(services: Services, settings: Settings) -> None:
    """Sweep at the start and every hour; a sweep that fails is tried again with the next."""
    sweeper = Sweeper(services, settings)
    turn = sweeper.sweep if settings.jobs == "here" else sweeper.sweep_staged
    while True:
        try:
            await turn()
        except (HoldallError, OSError) as error:
            log.warning("sweep failed", error=str(error))
        await asyncio.sleep(SWEEP_SECONDS)


def schedules(services: Services, settings: Settings) -> list[Schedule]:
    """What workers do regularly."""
    sweeper, pace = Sweeper(services, settings), Pace(settings.scrub_mib_per_second * MIB)

    async def sweep(_span: str) -> None:
        await sweeper.sweep()

    async def scrub(_span: str) -> None:
        await _scrub_if_due(services, pace, settings)

    every_hour, every_turn = timedelta(seconds=SWEEP_SECONDS), timedelta(seconds=TURN_SECONDS)
    kept = [Schedule(SWEEP, every_hour, sweep)]
    return [*kept, Schedule(SCRUB, every_turn, scrub)] if settings.scrub_mib_per_second else kept


async def _scrub_if_due(services: Services, pace: Pace, settings: Settings) -> None:
    done = await scrub_when_due(services, pace, timedelta(days=settings.scrub_days))
    if done is not None:
        log.info("scrubbed", **msgspec.to_builtins(done))


async def scrub_regularly(services: Services, settings: Settings) -> None:
    """Scrub whenever it is due, at the pace that is set; one that fails goes on with the next turn."""
    if not settings.scrub_mib_per_second:
        return
    pace = Pace(settings.scrub_mib_per_second * MIB)
    while True:
        await asyncio.sleep(TURN_SECONDS)
        try:
            await _scrub_if_due(services, pace, settings)
        except (HoldallError, OSError) as error:
            log.warning("scrub failed", error=str(error))


def table(piles: Sequence[Pile]) -> Table:
    """What is stored and what is past its time, pile by pile; what goes stands below."""
    shown = Table("what", "number", "bytes", "", "why", box=box.SIMPLE_HEAD)
    for column in shown.columns[1:3]:
        column.justify = "right"
    for pile in piles:
        fate = "[red]goes[/]" if pile.goes else "[green]stays[/]"
        shown.add_row(pile.what, f"{pile.number:,}", f"{pile.bytes:,}", fate, pile.why)
    for goes, name in ((False, "all that stays"), (True, "all that goes")):
        some = [pile for pile in piles if pile.goes is goes]
        shown.add_row(name, "", f"{sum(pile.bytes for pile in some):,}", "", "", style="bold")
    return shown


def scrub_text(scrub: Scrub) -> str:
    """What a scrub found so far, in a sentence."""
    return (
        f"{scrub.checked} files and renditions read ({scrub.bytes / MIB:.1f} MiB): {scrub.lost} files lost, "
        f"{scrub.renditions} renditions to be made anew, {scrub.found} files whole again, "
        f"{scrub.unread} not to be read."
    )


async def lost_lines(services: Services, *, is_json: bool) -> AsyncIterator[str]:
    """A line for each lost file: its digest, its size, the key that it lay under, and the uploads that led to it."""
    for blob, uploads in await lost_files(services):
        if is_json:
            told = {
                "sha256": blob.sha256,
                "size": blob.size,
                "type": blob.mime,
                "key": blob.key,
                "uploads": [{"id": upload.id, "name": upload.name} for upload in uploads],
            }
            yield msgspec.json.encode(told).decode()
        else:
            names = ", ".join(f"{upload.id} {upload.name}" for upload in uploads)
            yield f"{blob.sha256}  {blob.size}  {blob.key}  {names}"
