"""The rescan: what is stored is looked at again by the rules of today; what they match is out of reach at once.

It goes by the blobs' ids and remembers how far it came, so that it can be stopped at any time and begun again. Under
other rules than those it began with, it begins anew.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import structlog

from holdall.domain.files import Blob
from holdall.domain.quarantine import QuarantineState, Rescan
from holdall.domain.signatures import type_of
from holdall.errors import Missing, StorageUnavailable
from holdall.flows.judge import is_overruled
from holdall.flows.quarantine import at_hand, finish_move, rescan_file, seize
from holdall.ports import Ledger, Services, Verdict, Wanted

log = structlog.get_logger()
BATCH = 16
"""Blobs looked at between two notes of how far we are; a stop or a crash costs as many."""
AT_ONCE = 4
"""Blobs that are looked at side by side; of a store that is no folder, as many are in the staging folder."""


class Found(StrEnum):
    """What a second look at a blob found."""

    CLEAN = "clean"
    INFECTED = "infected"
    NOT_SCANNED = "not_scanned"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class _Look:
    blob: Blob
    found: Found
    reason: str = ""


OnProgress = Callable[[Rescan, int], None]
"""Told how far we are, and how many blobs there are in all."""


async def rescan(
    services: Services, space_id: str | None, since: datetime | None, on_progress: OnProgress, *, flagged_only: bool
) -> Rescan:
    """Look again at the blobs of a space (else of all), those uploaded since a time, or those kept without a verdict.

    Goes on where an earlier scan of the same blobs by the same rules was stopped. Safe beside a running server.

    Raises:
        Missing: there is no such space.
        DatabaseUnavailable: what was found so far is done, and the next scan goes on from there.

    """
    scope = f"space={space_id or '*'} since={since.isoformat() if since else '*'} flagged={flagged_only}"
    edition, now = await services.examiner.edition(), services.clock.now()
    wanted = await services.work.read(lambda ledger: _wanted(ledger, space_id, since, flagged_only=flagged_only))
    await _finish_moves(services, now)
    state = await services.work.write(lambda ledger: ledger.rescans.resume(scope, edition, now))
    left = await services.work.read(lambda ledger: ledger.rescans.count(wanted, after=state.after))
    total = state.checked + left
    on_progress(state, total)
    turns = asyncio.Semaphore(AT_ONCE)
    while blobs := await _next(services, wanted, state):
        looks = await asyncio.gather(*(_look_in_turn(services, blob, turns) for blob in blobs))
        state = _tallied(state, looks)
        await _note(services, state, looks)
        on_progress(state, total)
    finished = replace(state, is_finished=True)
    await services.work.write(lambda ledger: _finish(services, ledger, finished))
    return finished


def _finish(services: Services, ledger: Ledger, finished: Rescan) -> None:
    ledger.rescans.save(finished, services.clock.now())
    told = {"checked": finished.checked, "infected": finished.infected, "edition": finished.edition}
    ledger.audit.record(services.operator, "rescan.finish", finished.scope, told)


def _wanted(ledger: Ledger, space_id: str | None, since: datetime | None, *, flagged_only: bool) -> Wanted:
    if space_id is None:
        return Wanted(None, since, flagged_only)
    number = ledger.rescans.space_number(space_id)
    if number is None:
        raise Missing("space", space_id)
    return Wanted(number, since, flagged_only)


async def _next(services: Services, wanted: Wanted, state: Rescan) -> list[Blob]:
    return await services.work.read(lambda ledger: ledger.rescans.next(wanted, after=state.after, limit=BATCH))


async def _look_in_turn(services: Services, blob: Blob, turns: asyncio.Semaphore) -> _Look:
    async with turns:
        return await _look(services, blob)


async def _look(services: Services, blob: Blob) -> _Look:
    """Look at one blob, and take it away if need be."""
    try:
        async with at_hand(services, blob) as path:
            verdict = await rescan_file(services, path, type_of(blob.mime))
            if verdict.signature and not await _is_overruled(services, blob, verdict):
                await seize(services, blob, verdict, path)
                return _Look(blob, Found.INFECTED, verdict.signature)
    except (FileNotFoundError, StorageUnavailable) as error:
        log.error("not rescanned", blob=blob.key, error=str(error))  # noqa: TRY400  the cause is told
        return _Look(blob, Found.MISSING)
    if verdict.not_scanned:
        return _Look(blob, Found.NOT_SCANNED, verdict.not_scanned)
    return _Look(blob, Found.CLEAN)


async def _is_overruled(services: Services, blob: Blob, verdict: Verdict) -> bool:
    return await services.work.read(lambda ledger: is_overruled(ledger, blob.space_id, blob.sha256, verdict))


def _tallied(state: Rescan, looks: list[_Look]) -> Rescan:
    found = [look.found for look in looks]
    return replace(
        state,
        after=looks[-1].blob.id,
        checked=state.checked + len(looks),
        infected=state.infected + found.count(Found.INFECTED),
        not_scanned=state.not_scanned + found.count(Found.NOT_SCANNED),
        missing=state.missing + found.count(Found.MISSING),
    )


async def _note(services: Services, state: Rescan, looks: list[_Look]) -> None:
    """Remember how far we are, and which blobs have a verdict now, or still have none."""
    now = services.clock.now()

    def story(ledger: Ledger) -> None:
        for look in looks:
            if look.found is Found.NOT_SCANNED:
                ledger.rescans.flag(look.blob, look.reason, now)
            elif look.found is not Found.MISSING:
                ledger.rescans.unflag(look.blob)
        ledger.rescans.save(state, now)

    await services.work.note(story)


async def _finish_moves(services: Services, now: datetime) -> None:
    """Bring in what an earlier rescan had taken when it was stopped."""
    files = await services.work.read(lambda ledger: ledger.quarantine.unsettled(now, BATCH))
    for file in files:
        if file.state is QuarantineState.ARRIVING and file.blob_id is not None:
            with suppress(StorageUnavailable):  # a sweep tries again
                await finish_move(services, file)
