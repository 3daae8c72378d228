"""The sweep: what crashes and failures left half-done goes away; nothing acknowledged is ever touched."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from holdall.domain.files import Blob, Upload
from holdall.domain.leftovers import Owner, Pile, Times
from holdall.errors import BytesDamaged, StorageUnavailable
from holdall.flows.access_log import forget_old
from holdall.flows.leftovers import Survey, survey
from holdall.flows.loose import sweep_loose
from holdall.flows.quarantine import settle
from holdall.flows.scrub import SUSPICIOUS, forsake, lose
from holdall.flows.structure import sweep_structure
from holdall.ports import BlobStore, Ledger, Services

_BATCH = 200
_CLAIMS = 5000
"""Dropped in one transaction, which takes some 20 ms."""


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
    loose: int = 0
    """Uploads that hung nowhere for longer than the operator wants: deleted, and their grace begins."""
    lost: int = 0
    """Files whose rows named nothing, and renditions: marked as lost, or forgotten."""


NOTHING = Swept(deleted=0, rows=0, reserved=0, strays=0, staged=0, claims=0, structure=0, events=0)


def times(services: Services, grace: timedelta) -> Times:
    """Since when things have to be there to go, as of now."""
    now = services.clock.now()
    loose = None if services.loose_for is None else now - services.loose_for
    return Times(now - grace, now - services.delete_grace, now - services.log_ttl, now, loose)


async def sweep(
    services: Services,
    grace: timedelta,
    on_step: Callable[[str], None] = lambda _: None,
    on_survey: Callable[[Sequence[Pile]], None] = lambda _: None,
    *,
    believes_emptiness: bool = False,
) -> Swept:
    """Remove what is older than ``grace`` and belongs to nothing; ``on_survey`` is told beforehand what that is.

    Safe to repeat, and safe beside a running server as long as ``grace`` is longer than the longest upload.

    Raises:
        StorageUnavailable: also when rows and store have nothing in common, and that is not to be believed.

    """
    found = await survey(services, times(services, grace), on_step)
    on_survey(found.piles)
    if not believes_emptiness:
        _doubt(found)
    on_step("broken-off uploads and staged leftovers")
    swept = await sweep_unfinished(services, grace)
    on_step("objects without a row")
    strays = await _sweep_strays(services, found.strays, services.clock.now() - grace)
    on_step("rows without bytes")
    lost = await _sweep_missing(services, found.missing)
    await _record(services, replace(NOTHING, strays=strays, lost=lost))
    return replace(swept, strays=strays, lost=lost)


def _doubt(found: Survey) -> None:
    """Stop where this seems to be another store than the rows tell of: all of it would be swept, or lost."""
    if len(found.strays) >= SUSPICIOUS and not found.named:
        what = f"no row names any of the {len(found.strays)} objects in the blob store: is the database the right one?"
        raise StorageUnavailable(what)
    files = [owner for owner in found.missing if not owner.is_rendition]
    if len(files) >= SUSPICIOUS and not found.has_bytes:
        what = f"not one of {len(files)} files is in the blob store: is it mounted, and the right one?"
        raise StorageUnavailable(what)


async def sweep_unfinished(services: Services, grace: timedelta) -> Swept:
    """As ``sweep``, less the objects that no row names: to find those, the whole store has to be listed."""
    now = services.clock.now()
    before = now - grace
    loose = 0 if services.loose_for is None else await sweep_loose(services, services.loose_for)
    deleted = await _sweep_deleted(services, now - services.delete_grace)
    rows = await _sweep_rows(services, before) + await settle(services, before)
    reserved = await _sweep_reserved(services, before)
    staged = await sweep_staged(services, grace)
    claims = await _sweep_claims(services, now)
    structure = await sweep_structure(services, now - services.delete_grace)
    swept = Swept(deleted, rows, reserved, 0, staged, claims, structure, await forget_old(services), loose)
    await _record(services, swept)
    return swept


async def sweep_staged(services: Services, grace: timedelta) -> int:
    """Of ``sweep``, what only this machine can do: remove what was left in its own staging folders."""
    before = services.clock.now() - grace
    staged = _sweep_folder(services.staging, before)
    for store in (services.blobs, services.quarantine):
        staged += await store.sweep_incoming(before)
    return staged


async def _sweep_claims(services: Services, now: datetime) -> int:
    """Claims past their time; and sums of what is kept, so that none is wrong for longer than a sweep takes to come."""
    await services.work.write(lambda ledger: ledger.quotas.forget())
    swept = 0
    while some := await services.work.note(lambda ledger: ledger.idempotency.forget(now, _CLAIMS)):
        swept += some
    return swept


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


async def _sweep_strays(services: Services, strays: Sequence[str], before: datetime) -> int:
    """Delete objects that no row names. There should be none: rows come first. A restored backup may have some."""
    swept = 0
    for start in range(0, len(strays), _BATCH):
        swept += await _delete_unnamed(services, services.blobs, strays[start : start + _BATCH])
    held = [stored.key async for stored in services.quarantine.list() if stored.modified_at < before]
    for start in range(0, len(held), _BATCH):
        swept += await _delete_unnamed(services, services.quarantine, held[start : start + _BATCH])
    return swept


async def _sweep_missing(services: Services, missing: Sequence[Owner]) -> int:
    """Look once more for the bytes of each row; what has none is lost, or a rendition to be made anew."""
    swept = 0
    for start in range(0, len(missing), _BATCH):
        some = {owner.key: owner.blob_id for owner in missing[start : start + _BATCH] if owner.blob_id is not None}
        blobs = await services.work.read(partial(_ready, set(some.values())))
        for blob in blobs:
            if blob.key in some and await _is_gone(services, blob.key):
                swept += await lose(services, blob, "there is nothing")
                continue
            for variant in blob.variants:
                if variant.key in some and await _is_gone(services, variant.key):
                    swept += await forsake(services, blob, variant, "there is nothing")
    return swept


def _ready(ids: Collection[int], ledger: Ledger) -> list[Blob]:
    return ledger.scrubs.ready(ids)


async def _is_gone(services: Services, key: str) -> bool:
    try:
        pieces = await services.blobs.open(key)
    except FileNotFoundError:
        return True
    except BytesDamaged:
        return False  # that is for a scrub to say
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()
    return False


async def _delete_unnamed(services: Services, store: BlobStore, keys: Sequence[str]) -> int:
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
