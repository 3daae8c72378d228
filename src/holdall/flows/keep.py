"""Row, bytes, row: how a checked file becomes a blob that survives a crash at any point.

A transaction writes a ``pending`` row that names every key about to be written; the bytes are made durable in the
store, with no transaction open; a second transaction makes the row ``ready`` and adds what the client is told.
A crash before the second leaves a pending row that ``flows.sweep`` finds, and never bytes that no row names.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from holdall.domain.access import Actor, Space
from holdall.domain.files import Blob, BlobState, Inspection, Purpose, Rendition, Staged, Upload, Variant
from holdall.errors import QuotaExceeded
from holdall.flows.once import Once
from holdall.flows.quota import charge_new, charge_shared
from holdall.ports import Ledger, NewBlob, NewUpload, Services, Source


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that passed every check, and what it is to be called."""

    staged: Staged
    inspection: Inspection
    name: str
    path: str
    purpose: Purpose


async def keep(
    services: Services, space: Space, actor: Actor, candidates: Sequence[Candidate], once: Once
) -> list[Upload]:
    """Keep all of the candidates, or none.

    A file that the space already has is not stored again: the new upload shares its blob.

    Raises:
        QuotaExceeded: they do not fit into what the space or the user may keep.
        StorageUnavailable, DatabaseUnavailable: nothing was kept; what was begun is a sweep's business.

    """
    now = services.clock.now()
    new_blobs = [_new_blob(services, space, actor, candidate) for candidate in candidates]
    new_uploads = [_new_upload(services, space, actor, candidate) for candidate in candidates]

    def reserve(ledger: Ledger) -> list[Blob]:
        kept = [ledger.files.find_ready(blob.space_id, blob.sha256, blob.mime) for blob in new_blobs]
        pairs = list(zip(new_blobs, kept, strict=True))
        charge_new(services, ledger, space, actor, [blob for blob, twin in pairs if twin is None])
        return [twin or ledger.files.reserve(blob, now) for blob, twin in pairs]

    # Not waited for: should the power fail now, the bytes may outlive the row, and a sweep of the store finds them.
    blobs = await services.work.note(reserve)
    await _store(services, blobs, candidates)

    def confirm(ledger: Ledger) -> list[Upload]:
        uploads = [confirm_one(ledger, upload, blob) for upload, blob in zip(new_uploads, blobs, strict=True)]
        once.finish(ledger, [upload.id for upload in uploads])
        return uploads

    def confirm_one(ledger: Ledger, upload: NewUpload, blob: Blob) -> Upload:
        kept = ledger.files.confirm(blob)
        if blob.state is BlobState.READY or kept.id != blob.id:
            charge_shared(services, ledger, actor, kept)
        return ledger.files.add_upload(upload, kept, now)

    try:
        return await services.work.write(confirm)
    except QuotaExceeded:  # raised by our own story, so that surely nothing of it was committed
        await services.work.write(lambda ledger: _condemn(ledger, _pending(blobs)))
        raise


async def _store(services: Services, blobs: Sequence[Blob], candidates: Sequence[Candidate]) -> None:
    """Make the bytes of every pending blob durable; on failure, condemn what this request began."""
    pending = [pair for pair in zip(blobs, candidates, strict=True) if pair[0].state is BlobState.PENDING]
    try:
        await _put_all(services, [each for blob, candidate in pending for each in _objects(blob, candidate)])
    except BaseException:
        await services.work.write(lambda ledger: _condemn(ledger, _pending(blobs)))
        raise


async def _put_all(services: Services, objects: Sequence[tuple[str, Source]]) -> None:
    """Put them side by side; wait for all, also when one fails, so that none comes after we have given up."""
    outcomes = await asyncio.gather(
        *(services.blobs.put(key, source) for key, source in objects), return_exceptions=True
    )
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


def _objects(blob: Blob, candidate: Candidate) -> Iterator[tuple[str, Source]]:
    """What is to be put, and under which keys: the file, then its renditions."""
    staged = candidate.staged
    yield blob.key, staged.path if staged.data is None else staged.data
    for variant, rendition in zip(blob.variants, candidate.inspection.renditions, strict=True):
        yield variant.key, rendition.data


def _pending(blobs: Sequence[Blob]) -> list[Blob]:
    """Those that this request made rows for."""
    return [blob for blob in blobs if blob.state is BlobState.PENDING]


def _condemn(ledger: Ledger, blobs: Sequence[Blob]) -> None:
    for blob in blobs:
        ledger.files.condemn(blob)


def _new_blob(services: Services, space: Space, actor: Actor, candidate: Candidate) -> NewBlob:
    inspection = candidate.inspection
    return NewBlob(
        space_id=space.number,
        user_id=actor.user.number,
        key=services.ids.blob_key(),
        sha256=candidate.staged.sha256,
        size=candidate.staged.size,
        mime=inspection.mime,
        width=inspection.width,
        height=inspection.height,
        variants=tuple(_new_variant(services, rendition) for rendition in inspection.renditions),
    )


def _new_variant(services: Services, rendition: Rendition) -> Variant:
    return Variant(
        recipe=rendition.recipe,
        key=services.ids.blob_key(),
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
