"""Quarantine: what a malware rule matched is held where nobody reads it, until an operator decides or its time is up.

The order of steps is that of ``flows.keep``: a row that names the key, then the bytes, then the row again. The bytes go
into a store of their own, which seals them: whoever finds the object finds noise.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import structlog

from holdall.domain.access import Actor, Scope, Space
from holdall.domain.files import HEAD_BYTES, Blob, BlobState, Family, FileType, Inspection, Staged, Upload
from holdall.domain.policy import InspectionLimits
from holdall.domain.quarantine import Allowance, QuarantinedFile, QuarantineState
from holdall.domain.signatures import type_of
from holdall.domain.variants import AVATAR, EAGER, PICTURE
from holdall.errors import Conflict, HoldallError, Missing, StorageUnavailable
from holdall.flows.keep import Candidate, keep, remembering, rewritten
from holdall.flows.once import Once
from holdall.flows.outbox import tell_of_infection
from holdall.ports import Ledger, LocalPaths, NewQuarantined, Services, Source, Verdict

_MASTERS = {("avatar", "image"): AVATAR, ("attachment", "image"): PICTURE, ("other", "image"): PICTURE}
"""How the doors that keep masters of pictures keep them (an operator's own boxes are not known here)."""
log = structlog.get_logger()
_BATCH = 100


async def detain(services: Services, new: NewQuarantined, source: Source) -> None:
    """Hold a file that is being refused. Never raises for our own failures: it is refused whether it is held or not.

    The same file from the same uploader is held once, and counted. A file larger than the whole quarantine is noted
    without its bytes.
    """
    try:
        file = await services.work.write(lambda ledger: _enter(services, ledger, new))
        if file is not None:
            await _move_in(services, file, source)
            await _expel_all(services, await _surplus(services))
    except (HoldallError, OSError) as error:
        log.error("not quarantined", sha256=new.sha256, signature=new.signature, error=str(error))  # noqa: TRY400


async def seize(services: Services, blob: Blob, verdict: Verdict, path: Path) -> QuarantinedFile | None:
    """Take a stored blob, whose bytes are at ``path``, away from every reader, and its bytes into quarantine.

    Nobody can read it from the first commit on. What a crash leaves after that, ``settle`` finishes. ``None``: it was
    not there any more, or nobody had a name for it.

    Raises:
        StorageUnavailable, DatabaseUnavailable: it is out of reach, or nothing was done.

    """
    now = services.clock.now()
    id, (key,) = services.ids.public("qua"), services.ids.blob_keys(1)

    def take(ledger: Ledger) -> QuarantinedFile | None:
        uploads = ledger.quarantine.uploads(blob)
        if not uploads:
            ledger.files.condemn(blob)
            return None
        file = ledger.quarantine.seize(blob, _of_blob(id, key, blob, uploads[0], verdict), now)
        if file is not None:
            tell_of_infection(services, ledger, uploads, verdict.signature)
        return file

    file = await services.work.write(take)
    if file is None:
        return None
    log.warning("quarantined", id=file.id, blob=blob.key, sha256=blob.sha256, signature=file.signature)
    await _move_over(services, file, blob, path)
    return file


async def find(services: Services, id: str) -> tuple[QuarantinedFile, list[Upload]]:
    """A quarantined file, and the uploads that are out of reach because of it.

    Raises:
        Missing: there is none of this id.

    """

    def look(ledger: Ledger) -> tuple[QuarantinedFile, list[Upload]]:
        file = _held(ledger, id)
        blob = ledger.quarantine.blob(file)
        return file, [] if blob is None else ledger.quarantine.uploads(blob)

    return await services.work.read(look)


async def list_all(services: Services) -> AsyncIterator[QuarantinedFile]:
    """Every quarantined file, in order of arrival."""
    after = 0
    while files := await _page(services, after):
        for file in files:
            yield file
        after = files[-1].number


async def _page(services: Services, after: int) -> list[QuarantinedFile]:
    return await services.work.read(lambda ledger: ledger.quarantine.page(after=after, limit=_BATCH))


async def release(services: Services, id: str, by: str, reason: str) -> list[Upload]:
    """Make a quarantined file what it was meant to be, and remember that the rule is wrong about it in its space.

    A file that was refused at the door becomes an upload of its uploader; one that was taken later is readable again
    under all its names. Returns the uploads that there are now.

    Raises:
        Missing: there is no such file, its bytes were not kept, or its uploader has left the space.
        Conflict: somebody else is at it.
        ContentRefused: it is not sound, malware or not.
        StorageUnavailable, DatabaseUnavailable: nothing was changed.

    """
    file, _ = await find(services, id)
    if file.state is not QuarantineState.HELD:
        raise Conflict("it is still on its way in")
    if not file.key:
        raise Missing("bytes of quarantined file", id)
    order = _Order(file, by, reason)
    async with _unsealed(services, file) as path:
        uploads = await (_give_back(services, order, path) if file.blob_id else _let_in(services, order, path))
    await _expel(services, file)
    return uploads


async def delete(services: Services, id: str, by: str) -> None:
    """Be rid of a quarantined file. Where it was a stored blob, its names lead nowhere for ever.

    Raises:
        Missing: there is no such file.

    """

    def story(ledger: Ledger) -> QuarantinedFile:
        file = _held(ledger, id)
        ledger.quarantine.let_go(file)
        details = {"sha256": file.sha256, "signature": file.signature, "user": file.user}
        ledger.audit.record(by, "quarantine.delete", file.id, details)
        return file

    await _expel(services, await services.work.write(story))


async def settle(services: Services, before: datetime) -> int:
    """Finish what crashes left half-done and began before this time, and let go of what is too old or too much."""
    settled = 0
    while files := await services.work.read(lambda ledger: ledger.quarantine.unsettled(before, _BATCH)):
        for file in files:
            await _settle_one(services, file)
        settled += len(files)
    surplus = await _surplus(services)
    await _expel_all(services, surplus)
    return settled + len(surplus)


# ── in ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _enter(services: Services, ledger: Ledger, new: NewQuarantined) -> QuarantinedFile | None:
    """The new row; ``None`` when the file is held already."""
    now = services.clock.now()
    if ledger.quarantine.recur(new, now) is not None:
        return None
    fits = new.size <= services.caution.quarantine_max_bytes
    return ledger.quarantine.arrive(new if fits else replace(new, key=""), now)


async def _move_in(services: Services, file: QuarantinedFile, source: Source) -> None:
    if file.key:
        await services.quarantine.put(file.key, source)
    await services.work.write(lambda ledger: ledger.quarantine.hold(file))


async def _move_over(services: Services, file: QuarantinedFile, blob: Blob, path: Path) -> None:
    """A blob's bytes, from the store into quarantine. Safe to repeat."""
    try:
        await services.quarantine.put(file.key, path)
    except FileExistsError:
        log.info("was in quarantine already", id=file.id)
    await services.blobs.delete(blob.key)
    await services.work.write(lambda ledger: ledger.quarantine.hold(file))


def _of_blob(id: str, key: str, blob: Blob, upload: Upload, verdict: Verdict) -> NewQuarantined:
    return NewQuarantined(
        id=id,
        space_id=blob.space_id,
        user_id=upload.user_id,
        blob_id=blob.id,
        key=key,
        sha256=blob.sha256,
        size=blob.size,
        mime=blob.mime,
        signature=verdict.signature,
        scanner=verdict.scanner,
        name=upload.name,
        path=upload.path,
        purpose=upload.purpose,
    )


# ── out ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Order:
    """An operator's word to release a file."""

    file: QuarantinedFile
    by: str
    reason: str

    def carry_out(self, services: Services, ledger: Ledger, signatures: Sequence[str], uploads: Sequence[str]) -> None:
        """In the transaction that makes the file readable: nobody else did, the rules are wrong, and it is on record.

        Raises:
            Conflict: somebody else released or deleted it.

        """
        if not ledger.quarantine.let_go(self.file):
            raise Conflict("somebody else released or deleted it")
        for signature in signatures:
            allowance = Allowance(self.file.space_id, self.file.sha256, signature, self.by, self.reason)
            ledger.quarantine.allow(allowance, services.clock.now())
        details = {
            "reason": self.reason,
            "sha256": self.file.sha256,
            "signatures": [*signatures],
            "uploads": [*uploads],
        }
        ledger.audit.record(self.by, "quarantine.release", self.file.id, details)


class _Release(Once):
    """Carries the order out in the very transaction that keeps the upload."""

    def __init__(self, services: Services, actor: Actor, order: _Order, signatures: Sequence[str]) -> None:
        super().__init__(services, actor, None, "")
        self._order = order
        self._signatures = signatures

    def finish(self, ledger: Ledger, ids: Sequence[str]) -> None:
        """See ``Once.finish``."""
        self._order.carry_out(self._services, ledger, self._signatures, ids)


async def _let_in(services: Services, order: _Order, path: Path) -> list[Upload]:
    """A file that was refused at the door, through the door."""
    file = order.file
    actor, space = await services.work.read(lambda ledger: _uploader(ledger, file))
    inspection, verdict = await _examine(services, file, path)
    staged = Staged(path, file.size, file.sha256, await asyncio.to_thread(_head, path), file.name)
    candidate = Candidate(rewritten(staged, inspection), inspection, file.name, file.path, file.purpose)
    once = _Release(services, actor, order, _signatures(file, verdict))
    return await keep(services, space, actor, [candidate], remembering(once))


async def _give_back(services: Services, order: _Order, path: Path) -> list[Upload]:
    """The bytes of a blob that was taken, to where they were."""
    file = order.file
    blob = await services.work.read(lambda ledger: ledger.quarantine.blob(file))
    if blob is None:
        raise Missing("blob of quarantined file", file.id)
    verdict = await rescan_file(services, path, type_of(blob.mime))
    try:
        await services.blobs.put(blob.key, path)
    except FileExistsError:  # an earlier release came this far
        log.info("was in the store already", id=file.id)

    def story(ledger: Ledger) -> list[Upload]:
        ready = ledger.quarantine.reinstate(file)
        uploads = ledger.quarantine.uploads(ready)
        order.carry_out(services, ledger, _signatures(file, verdict), [upload.id for upload in uploads])
        return uploads

    return await services.work.write(story)


async def rescan_file(services: Services, path: Path, type: FileType) -> Verdict:
    """What the scanners say of a file now; members of a package are looked into, pictures are not decoded again."""
    family = Family.OPAQUE if type.family is Family.IMAGE else type.family
    try:
        examined = await services.examiner.examine(path, type.mime, family, InspectionLimits(), ())
    except HoldallError:  # the inspectors have become stricter since it was kept; that is not the question here
        examined = await services.examiner.examine(path, type.mime, Family.OPAQUE, InspectionLimits(), ())
    return examined.verdict


async def _examine(services: Services, file: QuarantinedFile, path: Path) -> tuple[Inspection, Verdict]:
    """What an upload's examination finds, the verdict aside."""
    type = type_of(file.mime)
    recipes = EAGER if type.family is Family.IMAGE else ()
    master = _MASTERS.get((file.purpose.door, file.purpose.kind)) if recipes else None
    examined = await services.examiner.examine(path, file.mime, type.family, InspectionLimits(), recipes, master)
    return examined.inspection, examined.verdict


def _signatures(file: QuarantinedFile, verdict: Verdict) -> list[str]:
    """What the operator overrules: what it was held for, and what matches today."""
    return sorted({file.signature, *verdict.signatures})


def _uploader(ledger: Ledger, file: QuarantinedFile) -> tuple[Actor, Space]:
    user = ledger.accounts.find_user(file.user)
    membership = None if user is None else ledger.spaces.find(file.space, user)
    if user is None or membership is None:
        raise Missing("member of the space any more called", file.user)
    return Actor(user, "", frozenset(Scope)), membership.space


@asynccontextmanager
async def _unsealed(services: Services, file: QuarantinedFile) -> AsyncIterator[Path]:
    """The bytes as a staged file of their own, proven by their digest."""
    async with fetched(services, await services.quarantine.open(file.key)) as (path, sha256):
        if sha256 != file.sha256:
            raise StorageUnavailable(f"{file.id} is not what was put into quarantine")
        yield path


@asynccontextmanager
async def fetched(services: Services, pieces: AsyncIterator[bytes]) -> AsyncIterator[tuple[Path, str]]:
    """Bytes of a store as a file in the staging folder, and their SHA-256; the file is gone afterwards."""
    path = services.staging / services.ids.hex_token()
    try:
        yield path, await _write_out(path, pieces)
    finally:
        path.unlink(missing_ok=True)


async def _write_out(path: Path, pieces: AsyncIterator[bytes]) -> str:
    digest = hashlib.sha256()

    def take(file: BinaryIO, piece: bytes) -> None:
        digest.update(piece)
        file.write(piece)

    try:
        with await asyncio.to_thread(_create, path) as file:
            async for piece in pieces:
                await asyncio.to_thread(take, file, piece)
    finally:
        close = getattr(pieces, "aclose", None)  # generators have it, and hold something open until then
        if close is not None:
            await close()
    return digest.hexdigest()


def _create(path: Path) -> BinaryIO:
    path.touch(0o600, exist_ok=False)
    return path.open("wb")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


# ── away ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _surplus(services: Services) -> list[QuarantinedFile]:
    caution = services.caution
    before = services.clock.now() - caution.quarantine_for
    return await services.work.read(
        lambda ledger: ledger.quarantine.surplus(before, caution.quarantine_max_bytes, caution.quarantine_max_files)
    )


async def _settle_one(services: Services, file: QuarantinedFile) -> None:
    """A stored blob that a crash left between two places goes on; what never came in whole goes away."""
    if file.state is QuarantineState.LEAVING or file.blob_id is None:
        await _expel_all(services, [file])
    else:
        await finish_move(services, file)


async def finish_move(services: Services, file: QuarantinedFile) -> None:
    """Bring a blob that was seized all the way in, from wherever a crash left its bytes. Safe to repeat."""
    blob = await services.work.read(lambda ledger: ledger.quarantine.blob(file))
    if blob is None:
        return
    try:
        async with fetched(services, await services.blobs.open(blob.key)) as (path, _):
            await _move_over(services, file, blob, path)
    except FileNotFoundError:  # they are over already
        await services.work.write(lambda ledger: ledger.quarantine.hold(file))


async def _expel_all(services: Services, files: Sequence[QuarantinedFile]) -> None:
    if not files:
        return
    await services.work.write(lambda ledger: [ledger.quarantine.let_go(file) for file in files])
    for file in files:
        await _expel(services, file)


async def _expel(services: Services, file: QuarantinedFile) -> None:
    """Delete the bytes, then forget the row; also what is left of a blob that nobody can read any more."""
    blob = await services.work.read(lambda ledger: ledger.quarantine.blob(file))
    if blob is not None and blob.state is BlobState.QUARANTINED:
        for key in (blob.key, *(variant.key for variant in blob.variants)):
            await services.blobs.delete(key)
    if file.key:
        await services.quarantine.delete(file.key)
    await services.work.write(lambda ledger: ledger.quarantine.remove(file))


def _held(ledger: Ledger, id: str) -> QuarantinedFile:
    file = ledger.quarantine.find(id)
    if file is None or file.state is QuarantineState.LEAVING:
        raise Missing("quarantined file", id)
    return file


@asynccontextmanager
async def at_hand(services: Services, blob: Blob) -> AsyncIterator[Path]:
    """A blob's bytes as a file: its own where the store is a folder, else a copy.

    Raises:
        FileNotFoundError, StorageUnavailable: there are none.

    """
    if isinstance(services.blobs, LocalPaths):
        path = services.blobs.local_path(blob.key)
        if not await asyncio.to_thread(path.is_file):
            raise FileNotFoundError(blob.key)
        yield path
    else:
        async with fetched(services, await services.blobs.open(blob.key)) as (path, _):
            yield path
