"""The sweep: what crashes and failures left half-done goes away; nothing acknowledged is ever touched."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from holdall.domain.files import Blob, BlobState
from holdall.flows.access_log import forget_old
from holdall.ports import Services

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found and removed."""

    rows: int
    """Pending or condemned blobs, with their bytes."""
    strays: int
    """Objects in the store that no row named."""
    staged: int
    """Files left in the staging folder, or half-written on their way into the store."""
    claims: int
    """Idempotency keys past their time."""
    events: int
    """Events of the access log past their time, or beyond their number."""


async def sweep(services: Services, grace: timedelta, on_step: Callable[[str], None] = lambda _: None) -> Swept:
    """Remove what is older than ``grace`` and belongs to nothing.

    Safe to repeat, and safe beside a running server as long as ``grace`` is longer than the longest upload.
    """
    on_step("unfinished files and staged leftovers")
    swept = await sweep_unfinished(services, grace)
    on_step("objects without a row")
    strays = await _sweep_strays(services, services.clock.now() - grace)
    await _record(services, Swept(0, strays, 0, 0, 0))
    return replace(swept, strays=strays)


async def sweep_unfinished(services: Services, grace: timedelta) -> Swept:
    """As ``sweep``, less the objects that no row names: to find those, the whole store has to be listed."""
    now = services.clock.now()
    before = now - grace
    rows = await _sweep_rows(services, before)
    staged = _sweep_folder(services.staging, before) + await services.blobs.sweep_incoming(before)
    claims = await services.work.write(lambda ledger: ledger.idempotency.forget(now))
    swept = Swept(rows, 0, staged, claims, await forget_old(services))
    await _record(services, swept)
    return swept


async def _record(services: Services, swept: Swept) -> None:
    """Tell the audit log what was removed; keys that answered their last repeat are not worth a line."""
    removed = asdict(replace(swept, claims=0))
    if any(removed.values()):
        told = {thing: number for thing, number in removed.items() if number}
        await services.work.write(lambda ledger: ledger.audit.record(services.operator, "sweep.remove", "", told))


async def _sweep_rows(services: Services, before: datetime) -> int:
    """Condemn, delete the bytes, forget the row: in this order, so that a crash only means doing it again."""
    swept = 0
    while blobs := await services.work.read(lambda ledger: ledger.files.unfinished(before, _BATCH)):
        for blob in blobs:
            await _remove(services, blob)
        swept += len(blobs)
    return swept


async def _remove(services: Services, blob: Blob) -> None:
    if blob.state is BlobState.PENDING:
        await services.work.write(lambda ledger: ledger.files.condemn(blob))
    for key in (blob.key, *(variant.key for variant in blob.variants)):
        await services.blobs.delete(key)
    await services.work.write(lambda ledger: ledger.files.remove(blob))


async def _sweep_strays(services: Services, before: datetime) -> int:
    """Delete objects that no row names. There should be none: rows come first. A restored backup may have some."""
    swept, batch = 0, list[str]()
    async for stored in services.blobs.list():
        if stored.modified_at < before:
            batch.append(stored.key)
        if len(batch) >= _BATCH:
            swept += await _delete_unnamed(services, batch)
            batch = []
    return swept + await _delete_unnamed(services, batch)


async def _delete_unnamed(services: Services, keys: list[str]) -> int:
    named = await services.work.read(lambda ledger: ledger.files.named(keys))
    strays = [key for key in keys if key not in named]
    for key in strays:
        await services.blobs.delete(key)
    return len(strays)


def _sweep_folder(folder: Path, before: datetime) -> int:
    """Remove files last written before this time."""
    stale = [path for path in folder.iterdir() if path.is_file() and path.stat().st_mtime < before.timestamp()]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)
