"""The sweep: what crashes and failures left half-done goes away; nothing acknowledged is ever touched."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from holdall.domain.files import Blob, Upload
from holdall.flows.access_log import forget_old
from holdall.flows.quarantine import settle
from holdall.flows.structure import sweep_structure
from holdall.ports import BlobStore, Ledger, Services

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found and removed."""

    deleted: int
    """Uploads whose grace after their deletion is over."""
    rows: int
    """Condemned blobs, with their bytes; and files that leave quarantine, or never came in whole."""
    reserved: int
    """Keys that were reserved and not used, or used by an upload that broke off; with what bytes lay there."""
    strays: int
    """Objects in the store that no row named."""
    staged: int
    """Files left in the staging folder, or half-written on their way into the store."""
    claims: int
    """Idempotency keys past their time."""
    structure: int
    """Nodes whose grace after their deletion is over, and fields that are gone, with what was kept in them."""
    events: int
    """Events of the access log past their time, or beyond their number."""


async def sweep(services: Services, grace: timedelta, on_step: Callable[[str], None] = lambda _: None) -> Swept:
    """Remove what is older than ``grace`` and belongs to nothing.

    Safe to repeat, and safe beside a running server as long as ``grace`` is longer than the longest upload.
    """
    on_step("broken-off uploads and staged leftovers")
    swept = await sweep_unfinished(services, grace)
    on_step("objects without a row")
    strays = await _sweep_strays(services, services.clock.now() - grace)
    await _record(
        services, Swept(deleted=0, rows=0, reserved=0, strays=strays, staged=0, claims=0, structure=0, events=0)
    )
    return replace(swept, strays=strays)


async def sweep_unfinished(services: Services, grace: timedelta) -> Swept:
    """As ``sweep``, less the objects that no row names: to find those, the whole store has to be listed."""
    now = services.clock.now()
    before = now - grace
    deleted = await _sweep_deleted(services, now - services.delete_grace)
    rows = await _sweep_rows(services, before) + await settle(services, before)
    reserved = await _sweep_reserved(services, before)
    staged = _sweep_folder(services.staging, before)
    for store in (services.blobs, services.quarantine):
        staged += await store.sweep_incoming(before)
    claims = await services.work.write(lambda ledger: _forget(ledger, now))
    structure = await sweep_structure(services, now - services.delete_grace)
    swept = Swept(deleted, rows, reserved, 0, staged, claims, structure, await forget_old(services))
    await _record(services, swept)
    return swept


def _forget(ledger: Ledger, now: datetime) -> int:
    """Claims past their time; and sums of what is kept, so that none is wrong for longer than a sweep takes to come."""
    ledger.quotas.forget()
    return ledger.idempotency.forget(now)


async def _record(services: Services, swept: Swept) -> None:
    """Tell the audit log what was removed; keys that answered their last repeat are not worth a line."""
    removed = asdict(replace(swept, claims=0))
    if any(removed.values()):
        told = {thing: number for thing, number in removed.items() if number}
        await services.work.write(lambda ledger: ledger.audit.record(services.operator, "sweep.remove", "", told))


async def _sweep_deleted(services: Services, before: datetime) -> int:
    """Forget deleted uploads; blobs that nobody shares are condemned by that, and swept like any other."""
    swept = 0
    while uploads := await services.work.read(lambda ledger: ledger.files.deleted(before, _BATCH)):
        for upload in uploads:
            await services.work.write(partial(_forget_upload, upload))
        swept += len(uploads)
    return swept


def _forget_upload(upload: Upload, ledger: Ledger) -> None:
    ledger.files.forget_upload(upload)


async def _sweep_rows(services: Services, before: datetime) -> int:
    """Delete the bytes, then forget the row: in this order, so that a crash only means doing it again."""
    swept = 0
    while blobs := await services.work.read(lambda ledger: ledger.files.condemned(before, _BATCH)):
        for blob in blobs:
            await _remove(services, blob)
        swept += len(blobs)
    return swept


async def _sweep_reserved(services: Services, before: datetime) -> int:
    """Condemn, so that an upload still under way cannot use them; delete; forget."""
    swept = 0
    while keys := await services.work.write(lambda ledger: ledger.files.condemn_reserved(before, _BATCH)):
        for key in keys:
            await services.blobs.delete(key)
        await services.work.write(partial(_release, keys))
        swept += len(keys)
    return swept


def _release(keys: list[str], ledger: Ledger) -> None:
    ledger.files.release(keys)


async def _remove(services: Services, blob: Blob) -> None:
    for key in (blob.key, *(variant.key for variant in blob.variants)):
        await services.blobs.delete(key)
    await services.work.write(lambda ledger: ledger.files.remove(blob))


async def _sweep_strays(services: Services, before: datetime) -> int:
    """Delete objects that no row names. There should be none: rows come first. A restored backup may have some."""
    swept = 0
    for store in (services.blobs, services.quarantine):
        batch = list[str]()
        async for stored in store.list():
            if stored.modified_at < before:
                batch.append(stored.key)
            if len(batch) >= _BATCH:
                swept += await _delete_unnamed(services, store, batch)
                batch = []
        swept += await _delete_unnamed(services, store, batch)
    return swept


async def _delete_unnamed(services: Services, store: BlobStore, keys: list[str]) -> int:
    is_quarantine = store is services.quarantine
    named = await services.work.read(
        lambda ledger: ledger.quarantine.named(keys) if is_quarantine else ledger.files.named(keys)
    )
    strays = [key for key in keys if key not in named]
    for key in strays:
        await store.delete(key)
    return len(strays)


def _sweep_folder(folder: Path, before: datetime) -> int:
    """Remove files last written before this time."""
    stale = [path for path in folder.iterdir() if path.is_file() and path.stat().st_mtime < before.timestamp()]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)
