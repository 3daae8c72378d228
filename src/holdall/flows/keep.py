"""Reservation, bytes, row: how a checked file becomes a blob that survives a crash at any point.

The keys about to be written are on record before a byte is (``flows.reservations``); the bytes are made durable in the
store, with no transaction open; one transaction takes the keys out of reservation, adds the blob's row, and adds what
the client is told. A crash before that leaves reserved keys that ``flows.sweep`` finds, and never bytes on no record.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from holdall.domain.access import Actor, Space
from holdall.domain.files import HEAD_BYTES, Blob, Inspection, Purpose, Rendition, Staged, Upload, Variant
from holdall.errors import BlobGone, CellRefused, QuotaExceeded, ReservationLost, Stale, StorageUnavailable
from holdall.flows.once import Once
from holdall.flows.quota import charge
from holdall.ports import Ledger, NewBlob, NewUpload, Services, Source


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that passed every check, and what it is to be called."""

    staged: Staged
    inspection: Inspection
    name: str
    path: str
    purpose: Purpose
    unscanned: str = ""
    """Why it has no verdict, where the house keeps such files."""


Finish = Callable[[Ledger, Sequence[Upload]], None]
"""What else is done in the commit that keeps the files; may be run again, as any story."""


def remembering(once: Once) -> Finish:
    """Remember the ids of the files as what the request led to."""
    return lambda ledger, uploads: once.finish(ledger, [upload.id for upload in uploads])


def rewritten(staged: Staged, inspection: Inspection) -> Staged:
    """What came; where the inspector made something better of it, with those bytes instead."""
    if inspection.replacement is None:
        return staged
    data = inspection.replacement.data
    return replace(staged, data=data, size=len(data), sha256=hashlib.sha256(data).hexdigest(), head=data[:HEAD_BYTES])


async def keep(
    services: Services, space: Space, actor: Actor, candidates: Sequence[Candidate], finish: Finish
) -> list[Upload]:
    """Keep all of the candidates, or none.

    A file that the space already has is not stored again: the new upload shares its blob.

    Raises:
        QuotaExceeded: they do not fit into what the space or the user may keep.
        StorageUnavailable, DatabaseUnavailable: nothing was kept; what was begun is a sweep's business.

    """
    try:
        return await _keep(services, space, actor, candidates, finish)
    except ReservationLost:  # a sweep with less grace than keys are held for; there are others
        services.keys.forsake()
        return await _keep(services, space, actor, candidates, finish)
    except BlobGone:  # the space had this content a moment ago, and a sweep came for the last file that shared it
        return await _keep(services, space, actor, candidates, finish)


async def _keep(
    services: Services, space: Space, actor: Actor, candidates: Sequence[Candidate], finish: Finish
) -> list[Upload]:
    now = services.clock.now()
    blobs = await _store(services, space, candidates)
    new_uploads = [_new_upload(services, space, actor, candidate) for candidate in candidates]

    def confirm(ledger: Ledger) -> list[Upload]:
        uploads = [confirm_one(ledger, upload, blob) for upload, blob in zip(new_uploads, blobs, strict=True)]
        for upload, candidate in zip(uploads, candidates, strict=True):
            if candidate.unscanned:
                ledger.rescans.flag(upload.blob, candidate.unscanned, now)
        finish(ledger, uploads)
        return uploads

    def confirm_one(ledger: Ledger, upload: NewUpload, blob: Blob | NewBlob) -> Upload:
        charge(services, ledger, space, actor, blob)
        return ledger.files.add_upload(upload, ledger.files.add(blob, now) if isinstance(blob, NewBlob) else blob, now)

    try:
        with services.meter.step("commit"):
            return await services.work.write(confirm)
    except (
        ReservationLost,
        BlobGone,
        QuotaExceeded,
        Stale,
        CellRefused,
    ):  # raised in our own story: surely nothing was committed
        for blob in blobs:
            if isinstance(blob, NewBlob):
                await _unstore(services, blob)
        raise


async def _store(services: Services, space: Space, candidates: Sequence[Candidate]) -> list[Blob | NewBlob]:
    """Make the bytes of every candidate durable, save of those that the space has."""

    def find(ledger: Ledger) -> list[Blob | None]:
        return [
            ledger.files.find_ready(space.number, candidate.staged.sha256, candidate.inspection.mime)
            for candidate in candidates
        ]

    blobs: list[Blob | NewBlob] = []
    objects: list[tuple[str, Source]] = []
    for candidate, known in zip(candidates, await services.work.glance(find), strict=True):
        if known is not None:
            blobs.append(known)
            continue
        renditions = candidate.inspection.renditions
        key, *keys = await services.keys.take(1 + len(renditions))
        variants = tuple(variant_of(key, rendition) for key, rendition in zip(keys, renditions, strict=True))
        blobs.append(_new_blob(space, candidate, key, variants))
        staged = candidate.staged
        objects.append((key, staged.path if staged.data is None else staged.data))
        objects += [(key, rendition.data) for key, rendition in zip(keys, renditions, strict=True)]
    if objects:
        with services.meter.step("store"):
            await services.blobs.put_all(objects)
    return blobs


async def _unstore(services: Services, blob: NewBlob) -> None:
    """Remove bytes that no row names; where that fails, a sweep finds them."""
    for key in (blob.key, *(variant.key for variant in blob.variants)):
        with suppress(StorageUnavailable):
            await services.blobs.delete(key)


def _new_blob(space: Space, candidate: Candidate, key: str, variants: tuple[Variant, ...]) -> NewBlob:
    inspection = candidate.inspection
    return NewBlob(
        space_id=space.number,
        key=key,
        sha256=candidate.staged.sha256,
        size=candidate.staged.size,
        mime=inspection.mime,
        width=inspection.width,
        height=inspection.height,
        variants=variants,
        findings=inspection.findings,
        encoding=inspection.encoding,
        thumbhash=inspection.thumbhash,
    )


def variant_of(key: str, rendition: Rendition) -> Variant:
    """What is known of a rendition as a variant, under this key."""
    return Variant(
        recipe=rendition.recipe,
        key=key,
        size=len(rendition.data),
        mime=rendition.mime,
        sha256=hashlib.sha256(rendition.data).hexdigest(),
        width=rendition.width,
        height=rendition.height,
    )


def _new_upload(services: Services, space: Space, actor: Actor, candidate: Candidate) -> NewUpload:
    return NewUpload(
        id=services.ids.public("att"),
        space_id=space.number,
        user_id=actor.user.number,
        name=candidate.name,
        path=candidate.path,
        purpose=candidate.purpose,
    )
