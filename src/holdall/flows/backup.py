"""A backup: the database as it was at one moment, and every content that its rows name, while the service runs.

First the snapshot, then the contents, last the manifest: what has no manifest is no backup, and what a run that broke
off has copied is there for the next. A content that the target has is not copied again; one that is copied is compared
with the digest in its row on the way.

Bytes may go away between the snapshot and their turn: a sweep comes for files that were deleted long ago, a rescan
takes some into quarantine. Nobody is asked to hold still for that. Whatever was not to be had is looked for again in a
new snapshot, which no longer names what went away rightly, and for which there is next to nothing left to copy. What
one snapshot after the other names, and nobody has, is lost, and is told. So a backup that was put on record has every
content that its snapshot names, save those it says are lost.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from holdall.domain.backups import BackupRefused, Content, Manifest
from holdall.errors import StorageUnavailable
from holdall.flows.backup_target import Target, digests_of, read_quickly
from holdall.flows.batches import in_batches
from holdall.ports import BlobStore, NamedBytes, Services, Snapshots, Source

PASSES = 10
"""Snapshots at most; the second already finds everything, unless files are deleted for good as fast as they come."""
PIECE_BYTES = 4 << 20
"""The snapshot is cut into pieces of this size, of which those that did not change are there already."""
MEMORY_BYTES = 8 << 20
"""Contents over this size go by way of a file."""
BATCH = 512
BATCH_BYTES = 32 << 20
"""Contents that are put together: so many, or of so many bytes, save the last one of them."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be backed up, and how it is told."""

    version: str
    """Holdall's."""
    secret: bytes | None
    """The key that links are signed with; ``None``: it is not to be in the backup."""
    on_progress: Callable[[int, int], None]
    """Told how many bytes are there, of how many."""


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made."""

    manifest: Manifest
    copied: int
    """Contents that the target did not have."""
    copied_bytes: int
    snapshots: int
    """How many it took."""
    left_out: int
    """Files in quarantine, of which a target that does not seal gets no bytes."""


async def back_up(services: Services, snapshots: Snapshots, target: Target, order: Order) -> Made:
    """Make a backup; safe beside a running server, to interrupt, and to repeat. One at a time for each target.

    Raises:
        BackupRefused: there is no database of this version; or files go away faster than they are copied.
        DatabaseUnavailable, StorageUnavailable, StorageFull: there is no new backup; what was copied stays.

    """
    path = target.depot.scratch / "snapshot.sqlite3"
    copy = _Copy(services, target, order.on_progress)
    try:
        await copy.begin()
        made_at, taken = await _copy_all(services, snapshots, path, copy)
        database, pieces = await copy.cut(path)
        with snapshots.named(path) as named:
            held = await asyncio.to_thread(_held, copy, named)
        if order.secret is not None:
            secret = await copy.keep(order.secret)
            held.contents[secret.sha256] = secret.size
        manifest = Manifest(
            id=services.ids.hex_token(),
            made_at=made_at,
            version=order.version,
            schema=await asyncio.to_thread(snapshots.schema_of, path),
            counts=await asyncio.to_thread(snapshots.counts, path),
            database=database,
            pieces=pieces,
            contents=held.contents,
            secret="" if order.secret is None else secret.sha256,
            lost=tuple(sorted(held.lost)),
        )
    finally:
        path.unlink(missing_ok=True)
    await target.add(manifest)
    told = {"files": len(manifest.contents), "bytes": manifest.size, "lost": len(manifest.lost)}
    await services.work.write(lambda ledger: ledger.audit.record(services.operator, "backup.make", manifest.id, told))
    return Made(manifest, copy.copied, copy.copied_bytes, taken, held.left_out)


async def _copy_all(services: Services, snapshots: Snapshots, path: Path, copy: "_Copy") -> tuple[datetime, int]:
    """Have everything in the target that the snapshot at ``path`` names: when that was taken, and how many were."""
    before = set[str]()
    for taken in range(1, PASSES + 1):
        made_at = services.clock.now()
        await asyncio.to_thread(snapshots.take, path)
        missing = await copy.run(lambda: snapshots.named(path))
        if missing <= before:
            return made_at, taken
        before = missing
    raise BackupRefused("Files are deleted for good faster than they are copied: try again when less is going on")


@dataclass(slots=True)
class _Held:
    """What of a snapshot is in the target."""

    contents: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    left_out: int = 0


def _held(copy: "_Copy", named: Iterable[NamedBytes]) -> _Held:
    held = _Held()
    for one in named:
        if copy.has(one):
            held.contents[one.sha256] = one.size
        elif one.is_quarantined:
            held.left_out += 1
        else:
            held.lost.append(one.key)
    return held


class _Copy:
    """Copies to one target, and knows what is there."""

    def __init__(self, services: Services, target: Target, on_progress: Callable[[int, int], None]) -> None:
        self._services = services
        self._target = target
        self._on_progress = on_progress
        self._there = dict[str, int]()
        """Sizes by the target's keys."""
        self._failed = set[str]()
        """Keys of blobs whose bytes were not to be had in this pass."""
        self._done = self._total = 0
        self.copied = self.copied_bytes = 0

    async def begin(self) -> None:
        """Learn what is there."""
        self._there = await self._target.sizes()

    def has(self, one: NamedBytes) -> bool:
        """Whether the target has this content, as far as its size tells."""
        return self._there.get(self._target.key_of(one.sha256)) == one.size

    async def run(self, names: Callable[[], AbstractContextManager[Iterator[NamedBytes]]]) -> set[str]:
        """Copy what is not there; the keys of those that were not to be had.

        Where a content was not to be had under one key, it is looked for under the others that it has.
        """
        self._failed = set()
        with names() as named:
            self._done, self._total = await asyncio.to_thread(self._survey, named)
        self._on_progress(self._done, self._total)
        failed = -1
        while failed < len(self._failed):
            failed = len(self._failed)
            with names() as named:
                await self._copy_from(named)
            if not self._failed:
                return set()
        with names() as named:
            return await asyncio.to_thread(self._missing, named)

    async def cut(self, path: Path) -> tuple[Content, tuple[Content, ...]]:
        """Keep a file in pieces: what it is, and what they are."""
        whole, pieces, size = hashlib.sha256(), list[Content](), 0
        with await asyncio.to_thread(path.open, "rb") as file:
            while data := await asyncio.to_thread(file.read, PIECE_BYTES):
                await asyncio.to_thread(whole.update, data)
                pieces.append(await self.keep(data))
                size += len(data)
        return Content(whole.hexdigest(), size), tuple(pieces)

    async def keep(self, data: bytes) -> Content:
        """Keep bytes of our own."""
        content = Content(await asyncio.to_thread(_digest, data), len(data))
        if self._there.get(self._target.key_of(content.sha256)) != content.size:
            await self._put([(content, data)])
        return content

    def _wants(self, one: NamedBytes) -> bool:
        """Quarantined bytes are not for those who happen to look into a target that does not seal."""
        return not self.has(one) and not (one.is_quarantined and not self._target.depot.is_sealed)

    def _missing(self, named: Iterable[NamedBytes]) -> set[str]:
        return {one.key for one in named if self._wants(one)}

    def _survey(self, named: Iterable[NamedBytes]) -> tuple[int, int]:
        """Bytes that are there, and bytes in all."""
        seen, done, total = set[str](), 0, 0
        for one in named:
            if one.sha256 not in seen:
                seen.add(one.sha256)
                total += one.size
                done += one.size * self.has(one)
        return done, total

    # ── batches ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _copy_from(self, named: Iterator[NamedBytes]) -> None:
        under_way = set[str]()
        await in_batches(lambda: self._next_batch(named, under_way), self._copy_batch)

    def _next_batch(self, named: Iterator[NamedBytes], under_way: set[str]) -> list[NamedBytes]:
        batch, size = list[NamedBytes](), 0
        while len(batch) < BATCH and size < BATCH_BYTES and (one := next(named, None)):
            if one.sha256 not in under_way and one.key not in self._failed and self._wants(one):
                under_way.add(one.sha256)
                batch.append(one)
                size += one.size
        return batch

    async def _copy_batch(self, batch: list[NamedBytes]) -> None:
        small = [one for one in batch if one.size <= MEMORY_BYTES]
        await self._copy_small(small)
        for one in batch:
            if one.size > MEMORY_BYTES:
                await self._copy_large(one)

    async def _copy_small(self, small: list[NamedBytes]) -> None:
        contents = list[tuple[Content, Source]]()
        for is_quarantined in (False, True):
            some = [one for one in small if one.is_quarantined is is_quarantined]
            quickly = await read_quickly(self._store(is_quarantined=is_quarantined), [one.key for one in some])
            digests = await asyncio.to_thread(digests_of, quickly)
            for one, data, digest in zip(some, quickly, digests, strict=True):
                if data is not None and digest == one.sha256:
                    contents.append((Content(one.sha256, one.size), data))
                else:
                    await self._ensure_it_answers(one)
                    self._failed.add(one.key)
        await self._put(contents)

    async def _copy_large(self, one: NamedBytes) -> None:
        path = self._target.depot.scratch / self._services.ids.hex_token()
        try:
            if await self._spool(one, path):
                await self._put([(Content(one.sha256, one.size), path)])
            else:
                self._failed.add(one.key)
        finally:
            path.unlink(missing_ok=True)

    async def _put(self, contents: list[tuple[Content, Source]]) -> None:
        if not contents:
            return
        for content, _ in contents:
            key = self._target.key_of(content.sha256)
            if key in self._there:  # and has another size
                await self._target.forget(key)
        await self._target.put(contents)
        for content, _ in contents:
            self._there[self._target.key_of(content.sha256)] = content.size
            self.copied += 1
            self.copied_bytes += content.size
            self._done += content.size
        self._on_progress(self._done, self._total)

    # ── bytes of the installation ────────────────────────────────────────────────────────────────────────────────

    async def _spool(self, one: NamedBytes, path: Path) -> bool:
        """The bytes in a file, if they are to be had."""
        digest = hashlib.sha256()
        try:
            pieces = await self._store(is_quarantined=one.is_quarantined).open(one.key)
            with await asyncio.to_thread(_create, path) as file:
                async for piece in pieces:
                    await asyncio.to_thread(_take, file, digest.update, piece)
        except (FileNotFoundError, StorageUnavailable):
            await self._ensure_it_answers(one)
            return False
        return digest.hexdigest() == one.sha256

    async def _ensure_it_answers(self, one: NamedBytes) -> None:
        """A store that fails with every object has none that is damaged.

        Raises:
            StorageUnavailable: it does not answer.

        """
        async for _ in self._store(is_quarantined=one.is_quarantined).list(one.key):
            break

    def _store(self, *, is_quarantined: bool) -> BlobStore:
        return self._services.quarantine if is_quarantined else self._services.blobs


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _take(file: BinaryIO, update: Callable[[bytes], None], piece: bytes) -> None:
    update(piece)
    file.write(piece)


def _create(path: Path) -> BinaryIO:
    path.touch(0o600, exist_ok=False)
    return path.open("wb")
