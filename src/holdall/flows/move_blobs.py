"""Moving blobs: every object is copied to another place while the service goes on, and what was copied is read again.

The service has both places meanwhile: it writes to the new one, and reads from wherever an object is. So a move has
nothing to hold off, may be broken off anywhere, and goes on by looking at what the new place lacks.

A copy counts once it was read back. What a row names has to have the size and digest that the row says, through
whatever encrypts in between; of all else (keys that an upload has reserved, what is in quarantine, the probe) the copy
has to be the same bytes as the original. A copy that is neither is taken back, and the object is named.

Originals are removed by a step of its own, later, which compares each with its copy once more.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import uuid4

from holdall.domain.files import Blob
from holdall.errors import StorageFull, StorageUnavailable
from holdall.ports import BlobStore, Ledger, Services, Source

AT_ONCE = 8
"""Objects under way at the same time."""
MEMORY_BYTES = 4 << 20
"""Objects over this size go by way of a file."""
_BATCH = 200

OnProgress = Callable[[int], None]
"""Told how many more objects are done with."""
Contents = dict[str, tuple[int, str]]
"""Size and SHA-256 of what rows say lies under their keys."""


@dataclass(frozen=True, slots=True)
class Removal:
    """One store on its way: its two places as they are, and the new one through what encrypts."""

    old: BlobStore
    new: BlobStore
    new_plain: BlobStore
    is_served: bool
    """Whether it is the one that files are served from; else the quarantine's."""


@dataclass(slots=True)
class Copied:
    """What a move did and found, in objects."""

    copied: int = 0
    there: int = 0
    """Were in the new place already, and are whole there."""
    gone: int = 0
    """Were deleted meanwhile."""
    bytes: int = 0
    """Of what was copied."""
    failed: list[str] = field(default_factory=list)
    """The keys of those that are not what their rows say, or did not come over whole; they stay where they were."""
    lost: list[str] = field(default_factory=list)
    """The keys that rows name and that are in neither place."""


@dataclass(slots=True)
class Removed:
    """What the removal of originals did, in objects."""

    removed: int = 0
    kept: list[str] = field(default_factory=list)
    """The keys of those of which there is no copy that is whole."""


class _Mover:
    """Moves one store."""

    def __init__(self, services: Services, removal: Removal, scratch: Path, report: Copied) -> None:
        self._services = services
        self._old, self._new, self._new_plain = removal.old, removal.new, removal.new_plain
        self._is_served = removal.is_served
        self._scratch = scratch
        self._report = report

    async def copy(self, keys: Sequence[str]) -> None:
        """Have these in the new place."""
        contents = await self.contents(keys)
        await _side_by_side(keys, lambda key: self._copy_one(key, contents))

    async def contents(self, keys: Sequence[str]) -> Contents:
        """What rows say of these; nothing of the quarantine's, where objects are sealed and say it themselves."""
        if not self._is_served:
            return {}
        return await self._services.work.read(lambda ledger: ledger.files.contents(keys))

    async def _copy_one(self, key: str, contents: Contents) -> None:
        try:
            is_new = await self._carry(key)
            if await self._is_gone(key):
                await self._new.delete(key)
                self._report.gone += 1
            elif await self.is_whole(key, contents):
                self._report.copied += is_new
                self._report.there += not is_new
            else:
                await self._take_back(key)
        except FileNotFoundError:
            self._report.gone += 1
        except StorageFull:
            raise
        except StorageUnavailable:
            await _is_there(self._new, key)  # or nothing can be copied at all, and that is to be told
            self._report.failed.append(key)

    async def _carry(self, key: str) -> bool:
        """Copy an object, unless it is there; whether it was not."""
        if await _is_there(self._new, key):
            return False
        async with self._fetched(key) as (source, size):
            try:
                await self._new.put(key, source)
            except FileExistsError:
                return False
        self._report.bytes += size
        return True

    async def _is_gone(self, key: str) -> bool:
        """Whether it was deleted while it was copied: it is not where it was, and no row speaks of it any more."""
        if await _is_there(self._old, key):
            return False
        return key not in await self.contents([key])

    async def _take_back(self, key: str) -> None:
        """Leave it where it is: what is served comes from there then, as it did before."""
        if await _is_there(self._old, key):
            await self._new.delete(key)
        self._report.failed.append(key)

    async def is_whole(self, key: str, contents: Contents) -> bool:
        """Whether the new place has the object as its row says, or as the old place has it."""
        if key in contents:
            try:
                return await _measure(self._new_plain, key) == contents[key]
            except StorageUnavailable:
                await _is_there(self._new, key)  # or the place does not answer, which says nothing of the copy
                return False
        return await _measure(self._new, key) == await _measure(self._old, key)

    @asynccontextmanager
    async def _fetched(self, key: str) -> AsyncIterator[tuple[Source, int]]:
        """The bytes of the old place: in memory, or in a file that is gone on leaving."""
        path, head, size = self._scratch / uuid4().hex, bytearray(), 0
        pieces = await self._old.open(key)
        try:
            file = None
            try:
                async for piece in pieces:
                    size += len(piece)
                    if file is None and len(head) + len(piece) > MEMORY_BYTES:
                        file = await asyncio.to_thread(path.open, "wb")
                        await asyncio.to_thread(file.write, head)
                        head = bytearray()
                    if file is None:
                        head += piece
                    else:
                        await asyncio.to_thread(file.write, piece)
            finally:
                if file is not None:
                    await asyncio.to_thread(file.close)
            yield (bytes(head) if file is None else path), size
        finally:
            with suppress(FileNotFoundError):
                path.unlink()


async def count_objects(removals: Sequence[Removal]) -> int:
    """How many objects there are to move."""
    return sum([1 for removal in removals async for _ in removal.old.list()])


async def move_blobs(
    services: Services, removals: Sequence[Removal], scratch: Path, on_progress: OnProgress = lambda _: None
) -> Copied:
    """Have a verified copy of every object in the new place. Beside the service; safe to interrupt, and to repeat.

    Raises:
        StorageFull, StorageUnavailable, DatabaseUnavailable: it cannot go on; what was done is done.

    """
    report = Copied()
    for removal in removals:
        mover = _Mover(services, removal, scratch, report)
        async for keys in _batches(removal.old):
            await mover.copy(keys)
            on_progress(len(keys))
        if removal.is_served:
            await _look_again(services, removal, mover, report)
    return report


async def remove_originals(
    services: Services, removals: Sequence[Removal], scratch: Path, on_progress: OnProgress = lambda _: None
) -> Removed:
    """Remove from the old place what the new one has, once each copy has been compared again. Safe to repeat.

    Raises:
        StorageUnavailable, DatabaseUnavailable: it cannot go on; what was done is done.

    """
    done = Removed()
    for removal in removals:
        mover = _Mover(services, removal, scratch, Copied())
        async for keys in _batches(removal.old):
            contents = await mover.contents(keys)

            async def remove(key: str, mover: _Mover = mover, contents: Contents = contents) -> None:
                with suppress(FileNotFoundError, StorageUnavailable):
                    if await mover.is_whole(key, contents):
                        await mover._old.delete(key)  # noqa: SLF001  of this module
                        done.removed += 1
                        return
                if await _is_there(mover._old, key):  # noqa: SLF001  as above
                    done.kept.append(key)

            await _side_by_side(keys, remove)
            on_progress(len(keys))
    return done


async def _look_again(services: Services, removal: Removal, mover: _Mover, report: Copied) -> None:
    """Go by the rows: what a process put into the old place after that was listed comes over too; find what is lost."""
    after = 0
    while blobs := await services.work.read(partial(_ready, after)):
        keys = [key for blob in blobs for key in (blob.key, *(variant.key for variant in blob.variants))]
        late = list[str]()

        async def look(key: str, late: list[str] = late) -> None:
            if not await _is_there(removal.new, key):
                (late if await _is_there(removal.old, key) else report.lost).append(key)

        await _side_by_side(keys, look)
        await mover.copy([key for key in late if key not in report.failed])
        after = blobs[-1].id


def _ready(after: int, ledger: Ledger) -> list[Blob]:
    return ledger.files.ready(after=after, limit=_BATCH)


async def _batches(store: BlobStore) -> AsyncIterator[list[str]]:
    batch = list[str]()
    async for stored in store.list():
        batch.append(stored.key)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _side_by_side(keys: Sequence[str], work: Callable[[str], Awaitable[None]]) -> None:
    """Do it for each, ``AT_ONCE`` at a time."""
    waiting = iter(keys)

    async def take_turns() -> None:
        for key in waiting:
            await work(key)

    outcomes = await asyncio.gather(*(take_turns() for _ in range(AT_ONCE)), return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None:
            raise outcome


async def _is_there(store: BlobStore, key: str) -> bool:
    try:
        pieces = await store.open(key, 0, 0)
    except FileNotFoundError:
        return False
    await _let_go(pieces)
    return True


async def _measure(store: BlobStore, key: str) -> tuple[int, str]:
    """Size and SHA-256 of what the store gives."""
    digest, size = hashlib.sha256(), 0
    async for piece in await store.open(key):
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()


async def _let_go(pieces: AsyncIterator[bytes]) -> None:
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()
