"""A blob store that is on its way from one place to another, while it is used.

What is put goes to the new place. What is read is looked for there first, then where it was, then there once more: it
may have come over between the two looks. So long as both places stand behind this store, it does not matter how far
the move is.

A deletion takes the old copy first. Whoever copies looks once more at the old place after a copy is made, and takes
back what is gone there: were the new copy taken first, a copy made between the two deletions would stay for ever.

The objects may lie in either place, so none is a file to be sent from (``LocalPaths``).
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from holdall.adapters.blobs.keys import SHARDS, check_prefix
from holdall.ports import BlobStore, Incoming, Replacing, Source, StoredObject


class Place(BlobStore, Replacing, Protocol):
    """What can be moved from and to."""


class MovingBlobStore:
    """A ``BlobStore`` over the two places of a move."""

    def __init__(self, new: Place, old: Place) -> None:
        self._new = new
        self._old = old

    async def put(self, key: str, source: Source) -> None:
        """Keep the bytes of ``source`` under ``key``; see the port. Keys are random: none is in the old place too."""
        await self._new.put(key, source)

    async def put_all(self, objects: Sequence[tuple[str, Source]]) -> None:
        """Put several objects; see the port."""
        await self._new.put_all(objects)

    async def replace(self, key: str, source: Source) -> None:
        """Have the bytes of ``source`` in the place of those under ``key``; see the port."""
        try:
            await self._new.replace(key, source)
        except FileNotFoundError:
            await self._old.replace(key, source)

    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Return the bytes from ``start`` to ``stop`` in pieces; see the port."""
        for place in (self._new, self._old):
            try:
                return await place.open(key, start, stop)
            except FileNotFoundError:
                continue
        return await self._new.open(key, start, stop)

    async def delete(self, key: str) -> None:
        """Forget ``key``; see the port. First where it was."""
        await self._old.delete(key)
        await self._new.delete(key)

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Every object whose key starts with ``prefix``, once; see the port."""
        check_prefix(prefix)
        for shard in SHARDS:
            if shard.startswith(prefix[:2]):
                part = prefix if len(prefix) > len(shard) else f"{shard}/"
                # The old place is listed first: what comes over meanwhile is met twice, and not missed.
                found = {stored.key: stored async for stored in self._old.list(part)}
                found |= {stored.key: stored async for stored in self._new.list(part)}
                for stored in found.values():
                    yield stored

    async def incoming(self) -> Sequence[Incoming]:
        """What lies half-written in either place; see the port."""
        return [*await self._old.incoming(), *await self._new.incoming()]

    async def sweep_incoming(self, before: datetime) -> int:
        """Remove what broken puts left in either place; see the port."""
        return await self._old.sweep_incoming(before) + await self._new.sweep_incoming(before)

    def close(self) -> None:
        """Close both. Safe to repeat."""
        self._new.close()
        self._old.close()
