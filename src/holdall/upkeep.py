"""Upkeep: the scrub beside the server's work, and what the commands of sweeps and scrubs print.

Names come from clients; ``domain.filename`` has taken out of them what a terminal would obey.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import msgspec
import structlog
from rich import box
from rich.table import Table

from holdall.domain.leftovers import Pile
from holdall.domain.scrubs import Scrub
from holdall.errors import HoldallError
from holdall.flows.scrub import Pace, lost_files, scrub_when_due
from holdall.ports import Services
from holdall.settings import Settings

log = structlog.get_logger()
TURN_SECONDS = 600.0
"""Between two looks at whether a scrub is due; the first comes as long after the start."""
MIB = 1 << 20


async def scrub_regularly(services: Services, settings: Settings) -> None:
    """Scrub whenever it is due, at the pace that is set; one that fails goes on with the next turn."""
    if not settings.scrub_mib_per_second:
        return
    pace = Pace(settings.scrub_mib_per_second * MIB)
    while True:
        await asyncio.sleep(TURN_SECONDS)
        try:
            done = await scrub_when_due(services, pace, timedelta(days=settings.scrub_days))
        except (HoldallError, OSError) as error:
            log.warning("scrub failed", error=str(error))
        else:
            if done is not None:
                log.info("scrubbed", **msgspec.to_builtins(done))


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
