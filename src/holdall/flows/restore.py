"""A restore: an installation where there is none, made of a backup.

The bytes come first and the database last, in one step: what was broken off is no installation yet, and is gone on with
by asking again. Every byte is compared with its digest on the way.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from holdall.domain.backups import BackupRefused, Content, Manifest
from holdall.errors import StorageUnavailable
from holdall.flows.backup_target import ContentDamaged, Target
from holdall.flows.batches import in_batches
from holdall.ports import BlobStore, Ids, NamedBytes, Snapshots, Source

MEMORY_BYTES = 8 << 20
"""Contents over this size go by way of a file."""
BATCH = 512
BATCH_BYTES = 32 << 20
"""Files that are put together: so many, or of so many bytes, save the last one of them."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where an installation is to be."""

    snapshots: Snapshots
    blobs: BlobStore
    quarantine: BlobStore
    scratch: Path
    ids: Ids
    keep_secret: Callable[[bytes], None]
    """Have this key be the one that links are signed with. Raises ``BackupRefused`` when there is another."""


@dataclass(slots=True)
class Restored:
    """What was restored."""

    manifest: Manifest
    files: int = 0
    """Blobs and variants that are there now."""
    bytes: int = 0
    lost: int = 0
    """Those that the backup did not have: their bytes were gone when it was made."""
    left_out: int = 0
    """Files in quarantine that are without their bytes now."""


async def restore(
    target: Target, manifest: Manifest, ground: Ground, on_progress: Callable[[int, int], None]
) -> Restored:
    """Make an installation of a backup.

    Raises:
        BackupRefused: there is an installation already; the backup is damaged; or a later version made it.
        StorageUnavailable, StorageFull, DatabaseUnavailable: there is none yet; what was copied stays for the next try.

    """
    if not await asyncio.to_thread(ground.snapshots.is_vacant):
        raise BackupRefused("There is a database already: a backup is restored to an empty installation only")
    path = ground.scratch / "restored.sqlite3"
    try:
        await _assemble(target, manifest, path)
        await asyncio.to_thread(ground.snapshots.bring_forward, path)
        restored = await _Restoring(target, manifest, ground, on_progress).run(path)
        await asyncio.to_thread(ground.snapshots.install, path)
    finally:
        path.unlink(missing_ok=True)
    return restored


async def _assemble(target: Target, manifest: Manifest, path: Path) -> None:
    """The snapshot, from its pieces."""
    digest = hashlib.sha256()
    with await asyncio.to_thread(_create, path) as file:
        for content in manifest.pieces:
            try:
                data = await target.read(content)
            except ContentDamaged as error:
                raise BackupRefused(_told(manifest, "a piece of the database", content, error)) from error
            await asyncio.to_thread(_take, file, digest.update, data)
    if digest.hexdigest() != manifest.database.sha256:
        raise BackupRefused(f"The database of backup {manifest.id} is not the one that its manifest names")


class _Restoring:
    """Copies from one target."""

    def __init__(
        self, target: Target, manifest: Manifest, ground: Ground, on_progress: Callable[[int, int], None]
    ) -> None:
        self._target = target
        self._manifest = manifest
        self._ground = ground
        self._on_progress = on_progress
        self._restored = Restored(manifest)
        self._total = 0
        self._has_quarantined = False

    async def run(self, path: Path) -> Restored:
        """Have every byte that the snapshot at ``path`` names where it belongs."""
        snapshots = self._ground.snapshots
        with snapshots.named(path) as named:
            known, without = await asyncio.to_thread(self._survey, named)
        there = await self._there(self._ground.blobs, known)
        if self._manifest.secret:  # before the quarantine is opened, whose key is made of it
            await self._restore_secret()
        if self._has_quarantined:
            there |= await self._there(self._ground.quarantine, known)
        await asyncio.to_thread(snapshots.forget_quarantined, path, without)
        self._on_progress(0, self._total)
        with snapshots.named(path) as named:
            await in_batches(lambda: self._next_batch(named), lambda batch: self._restore_batch(batch, there))
        return self._restored

    def _survey(self, named: Iterator[NamedBytes]) -> tuple[set[str], list[str]]:
        """The keys that the snapshot names, and those of files in quarantine that are to be without their bytes."""
        known, without = set[str](), list[str]()
        for one in named:
            known.add(one.key)
            if one.sha256 in self._manifest.contents:
                self._total += one.size
                self._has_quarantined |= one.is_quarantined
            elif one.is_quarantined:
                without.append(one.key)
            else:
                self._restored.lost += 1
        self._restored.left_out = len(without)
        return known, without

    async def _there(self, store: BlobStore, known: set[str]) -> set[str]:
        """What an earlier try has put there.

        Raises:
            BackupRefused: there is something else.

        """
        there = {stored.key async for stored in store.list()}
        if there - known:
            raise BackupRefused(
                "There are files already: a backup is restored to an empty installation only "
                f"({min(there - known)} is not of this backup)"
            )
        return there

    async def _restore_secret(self) -> None:
        content = Content(self._manifest.secret, self._manifest.contents[self._manifest.secret])
        try:
            secret = await self._target.read(content)
        except ContentDamaged as error:
            raise BackupRefused(_told(self._manifest, "the key that links are signed with", content, error)) from error
        await asyncio.to_thread(self._ground.keep_secret, secret)

    def _next_batch(self, named: Iterator[NamedBytes]) -> list[NamedBytes]:
        batch, size = list[NamedBytes](), 0
        while len(batch) < BATCH and size < BATCH_BYTES and (one := next(named, None)):
            if one.sha256 in self._manifest.contents:
                batch.append(one)
                size += one.size
        return batch

    async def _restore_batch(self, batch: list[NamedBytes], there: set[str]) -> None:
        wanted = [one for one in batch if one.key not in there or not await self._is_genuine(one)]
        small = [one for one in wanted if one.size <= MEMORY_BYTES]
        data = await self._read_all(small)
        for is_quarantined in (False, True):
            objects: list[tuple[str, Source]] = [
                (one.key, bytes_of_it)
                for one, bytes_of_it in zip(small, data, strict=True)
                if one.is_quarantined is is_quarantined
            ]
            if objects:
                await self._store_of(is_quarantined=is_quarantined).put_all(objects)
        for one in wanted:
            if one.size > MEMORY_BYTES:
                await self._restore_large(one)
        self._restored.files += len(batch)
        self._restored.bytes += sum(one.size for one in batch)
        self._on_progress(self._restored.bytes, self._total)

    async def _is_genuine(self, one: NamedBytes) -> bool:
        """Whether an earlier try put there what belongs there; if not, it is gone afterwards."""
        store, digest = self._store_of(is_quarantined=one.is_quarantined), hashlib.sha256()
        try:
            async for piece in await store.open(one.key):
                await asyncio.to_thread(digest.update, piece)
        except StorageUnavailable:
            digest.update(b"damaged")
        if digest.hexdigest() == one.sha256:
            return True
        await store.delete(one.key)
        return False

    async def _read_all(self, small: list[NamedBytes]) -> list[bytes]:
        found = await self._target.read_all([Content(one.sha256, one.size) for one in small])
        genuine = list[bytes]()
        for one, data in zip(small, found, strict=True):
            if isinstance(data, ContentDamaged):
                raise BackupRefused(_told(self._manifest, "a file", Content(one.sha256, one.size), data))
            genuine.append(data)
        return genuine

    async def _restore_large(self, one: NamedBytes) -> None:
        path = self._ground.scratch / self._ground.ids.hex_token()
        content = Content(one.sha256, one.size)
        try:
            with await asyncio.to_thread(_create, path) as file:
                async for piece in self._target.pieces(content):
                    await asyncio.to_thread(file.write, piece)
            await self._store_of(is_quarantined=one.is_quarantined).put(one.key, path)
        except ContentDamaged as error:
            raise BackupRefused(_told(self._manifest, "a file", content, error)) from error
        finally:
            path.unlink(missing_ok=True)

    def _store_of(self, *, is_quarantined: bool) -> BlobStore:
        return self._ground.quarantine if is_quarantined else self._ground.blobs


def _told(manifest: Manifest, what: str, content: Content, error: ContentDamaged) -> str:
    return f"Backup {manifest.id} is damaged: {what} ({content.sha256}) {error}"


def _create(path: Path) -> BinaryIO:
    path.unlink(missing_ok=True)
    path.touch(0o600)
    return path.open("wb")


def _take(file: BinaryIO, update: Callable[[bytes], None], data: bytes) -> None:
    update(data)
    file.write(data)
