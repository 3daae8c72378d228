"""The scrub: what is stored is read again and compared with its digest, before somebody finds it rotten.

It walks over the blobs in the order of their ids, again and again, and so comes to those first that it has not looked
at for longest; what is new was hashed when it came. How far it is stands in one row, so that it can be stopped at any
time, and the blobs' own rows are not written to.

A blob whose bytes are gone or damaged is *lost*: nobody is served from it, whoever brings the same content heals it,
and should its own bytes come back, it is whole again. A rendition that is damaged is forgotten and made anew.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

import structlog

from holdall.domain.files import Blob, Upload, Variant
from holdall.domain.scrubs import Scrub
from holdall.errors import BytesDamaged, StorageUnavailable
from holdall.ports import Ledger, Services

log = structlog.get_logger()
BATCH = 32
"""Blobs looked at between two notes of how far we are; a stop or a crash costs as many."""
LEAST_BYTES = 64 * 1024
"""What the smallest file counts for in the pace: opening one costs a disk as much as reading so many bytes."""
SUSPICIOUS = 20
"""When so many blobs are gone in a row and not one is there, the store is not mounted, or not the right one."""
AT_WORK = timedelta(minutes=2)
"""A scrub that has moved within this time has somebody who moves it."""
_INLINE_BYTES = 32 * 1024
"""More than this is hashed on a thread."""
_STEADY_SECONDS = 0.05
"""Shorter pauses than this are saved up."""


class Found(StrEnum):
    """What a look at stored bytes found."""

    WHOLE = "whole"
    DAMAGED = "damaged"
    MISSING = "missing"
    UNREAD = "unread"
    """The store could not say."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was found of one blob, or of one of its renditions."""

    blob: Blob
    found: Found
    reason: str = ""
    variant: Variant | None = None

    @property
    def is_bad(self) -> bool:
        """Surely not what came."""
        return self.found in {Found.DAMAGED, Found.MISSING}

    @property
    def size(self) -> int:
        """As its row says."""
        return self.blob.size if self.variant is None else self.variant.size


@dataclass
class Pace:
    """So many bytes a second and no more; 0: as fast as it goes."""

    bytes_per_second: int
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _free_at: float = field(default=0.0, init=False)

    async def spend(self, count: int) -> None:
        """Wait until these bytes fit in."""
        if not self.bytes_per_second:
            return
        self._free_at = max(self._free_at, self.now()) + count / self.bytes_per_second
        pause = self._free_at - self.now()
        if pause >= _STEADY_SECONDS:
            await self.sleep(pause)


OnProgress = Callable[[Scrub, Sequence[Look]], None]
"""Told how far we are, and what was bad or unread since the last time."""


def _quiet(_scrub: Scrub, _looks: Sequence[Look]) -> None:
    """Tell nobody."""


async def scrub(
    services: Services, pace: Pace, on_progress: OnProgress = _quiet, *, believes_emptiness: bool = False
) -> Scrub:
    """Look at every blob: go on with a scrub that was stopped, else begin one. Returns it as it ended.

    Safe beside a running server and other scrubs, to interrupt, and to repeat.

    Raises:
        StorageUnavailable: the store does not answer; or nothing of what is looked for is there, and that is not to be
            believed (see ``SUSPICIOUS``).
        DatabaseUnavailable: what was found so far is done, and the next scrub goes on from there.

    """
    state = await _resumed(services)
    state = await _regain(services, state, pace)
    on_progress(state, ())
    while not state.is_finished:
        state = await _go_on(services, state, pace, on_progress, believes_emptiness=believes_emptiness)
    return state


async def scrub_when_due(services: Services, pace: Pace, every: timedelta) -> Scrub | None:
    """As ``scrub``; ``None`` when the last one ended and began less than ``every`` ago, or somebody else is at it."""
    last, now = await _last(services), services.clock.now()
    if last is not None and now - (last.started_at if last.is_finished else last.touched_at) < (
        every if last.is_finished else AT_WORK
    ):
        return None
    return await scrub(services, pace)


async def lost_files(services: Services) -> list[tuple[Blob, list[Upload]]]:
    """The lost blobs, and the uploads that lead to each."""
    return await services.work.read(
        lambda ledger: [(blob, ledger.quarantine.uploads(blob)) for blob in ledger.scrubs.lost()]
    )


async def lose(services: Services, blob: Blob, reason: str) -> bool:
    """Put on record that a blob's bytes are gone or damaged; whether that was news.

    Raises:
        DatabaseUnavailable: it is not on record.

    """
    is_news = await services.work.write(lambda ledger: _lose(services, ledger, blob, reason))
    if is_news:
        log.error("lost", blob=blob.key, sha256=blob.sha256, size=blob.size, reason=reason)
    return is_news


async def forsake(services: Services, blob: Blob, variant: Variant, reason: str) -> bool:
    """Forget a rendition whose bytes are gone or damaged, so that it is made anew; whether it was there."""
    now = services.clock.now()
    was_there = await services.work.write(lambda ledger: ledger.scrubs.drop_variant(blob, variant, now))
    if was_there:
        log.warning("rendition forgotten", blob=blob.key, recipe=variant.recipe, reason=reason)
    return was_there


# ── the walk ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def _resumed(services: Services) -> Scrub:
    """The scrub that is under way, or a new one."""
    now = services.clock.now()

    def story(ledger: Ledger) -> Scrub:
        last = ledger.scrubs.last()
        return ledger.scrubs.begin(now) if last is None or last.is_finished else last

    return await services.work.write(story)


async def _last(services: Services) -> Scrub | None:
    return await services.work.read(lambda ledger: ledger.scrubs.last())


async def _go_on(
    services: Services, state: Scrub, pace: Pace, on_progress: OnProgress, *, believes_emptiness: bool
) -> Scrub:
    """Look at the next few blobs."""
    blobs = await services.work.read(lambda ledger: ledger.files.ready(after=state.after, limit=BATCH))
    looks = [look for blob in blobs for look in await _look_at_all(services, blob, pace)]
    _doubt(looks, believes_emptiness=believes_emptiness)
    looks = [look for look in looks if not look.is_bad or await _put_right(services, look)]
    tallied = _tallied(state, looks, services.clock.now())
    after = blobs[-1].id if blobs else state.after
    moved = replace(tallied, after=after, is_finished=len(blobs) < BATCH)
    if not await services.work.note(lambda ledger: ledger.scrubs.advance(moved, after=state.after)):
        moved = await _last(services) or moved  # another process has gone on meanwhile
    on_progress(moved, [look for look in looks if look.found is not Found.WHOLE])
    return moved


async def _look_at_all(services: Services, blob: Blob, pace: Pace) -> list[Look]:
    """The blob, and its renditions where it is whole."""
    found = await _look(services, blob, None, pace)
    if found.is_bad:
        return [found]
    return [found, *[await _look(services, blob, variant, pace) for variant in blob.variants]]


async def _look(services: Services, blob: Blob, variant: Variant | None, pace: Pace) -> Look:
    """Read and compare; what is bad is looked at twice, for what was read may have been hurt on the way."""
    found, reason = await _compare(services, blob, variant, pace)
    if found in {Found.DAMAGED, Found.MISSING}:
        found, reason = await _compare(services, blob, variant, pace)
    return Look(blob, found, reason, variant)


async def _compare(services: Services, blob: Blob, variant: Variant | None, pace: Pace) -> tuple[Found, str]:
    thing = variant or blob
    await pace.spend(max(0, LEAST_BYTES - thing.size))
    digest, size = hashlib.sha256(), 0
    try:
        pieces = await services.blobs.open(thing.key)
        try:
            async for piece in pieces:
                size += len(piece)
                await _feed(digest, piece)
                await pace.spend(len(piece))
        finally:
            await _close(pieces)
    except FileNotFoundError:
        return Found.MISSING, "there is nothing"
    except BytesDamaged as damage:
        return Found.DAMAGED, damage.reason
    except StorageUnavailable as error:
        return Found.UNREAD, error.reason
    if size != thing.size:
        return Found.DAMAGED, f"{size} bytes, and {thing.size} came"
    return (Found.WHOLE, "") if digest.hexdigest() == thing.sha256 else (Found.DAMAGED, "other bytes than came")


async def _feed(digest: "hashlib._Hash", piece: bytes) -> None:
    if len(piece) <= _INLINE_BYTES:
        digest.update(piece)
    else:
        await asyncio.to_thread(digest.update, piece)


async def _close(pieces: AsyncIterator[bytes]) -> None:
    close = getattr(pieces, "aclose", None)  # generators have it, and hold something open until then
    if close is not None:
        await close()


def _doubt(looks: Sequence[Look], *, believes_emptiness: bool) -> None:
    """Stop where the store itself seems to be away; all of this would be lost, and is there."""
    blobs = [look for look in looks if look.variant is None]
    if len(blobs) < SUSPICIOUS:
        return
    if all(look.found is Found.UNREAD for look in blobs):
        raise StorageUnavailable(f"nothing can be read: {blobs[0].reason}")
    if not believes_emptiness and all(look.found is Found.MISSING for look in blobs):
        raise StorageUnavailable(
            f"of {len(blobs)} files in a row not one is there: is the blob store mounted, and the right one?"
        )


async def _put_right(services: Services, look: Look) -> bool:
    """Whether there was anything to do: what was deleted meanwhile is not missing."""
    if look.variant is None:
        return await lose(services, look.blob, look.reason)
    return await forsake(services, look.blob, look.variant, look.reason)


def _lose(services: Services, ledger: Ledger, blob: Blob, reason: str) -> bool:
    if not ledger.scrubs.lose(blob, services.clock.now()):
        return False
    told = {"sha256": blob.sha256, "size": blob.size, "reason": reason}
    ledger.audit.record(services.operator, "scrub.lose", blob.key, told)
    return True


async def _regain(services: Services, state: Scrub, pace: Pace) -> Scrub:
    """Look at the lost blobs: somebody may have put their bytes back."""
    for blob in await services.work.read(lambda ledger: ledger.scrubs.lost()):
        if (await _compare(services, blob, None, pace))[0] is Found.WHOLE:
            await services.work.write(partial(_be_whole, services, blob))
            log.info("whole again", blob=blob.key, sha256=blob.sha256)
            state = replace(state, found=state.found + 1)
    return state


def _be_whole(services: Services, blob: Blob, ledger: Ledger) -> None:
    if ledger.scrubs.regain(blob):
        ledger.audit.record(services.operator, "scrub.heal", blob.key, {"sha256": blob.sha256, "by": "its own bytes"})


def _tallied(state: Scrub, looks: Sequence[Look], now: datetime) -> Scrub:
    bad = [look for look in looks if look.is_bad]
    lost = sum(look.variant is None for look in bad)
    return replace(
        state,
        checked=state.checked + len(looks),
        bytes=state.bytes + sum(look.size for look in looks),
        lost=state.lost + lost,
        renditions=state.renditions + len(bad) - lost,
        unread=state.unread + sum(look.found is Found.UNREAD for look in looks),
        touched_at=now,
    )
