"""Blobs in a dictionary: for tests, and for trying Holdall out without leaving anything behind."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from holdall.adapters.blobs.batches import put_side_by_side
from holdall.adapters.blobs.keys import check_key, check_prefix, check_span, end_of_span
from holdall.errors import StorageUnavailable
from holdall.ports import Incoming, Source, StoredObject

_PIECE_BYTES = 256 * 1024


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryBlobStore:
    """A ``BlobStore`` that is durable for as long as the process is. ``now`` stamps what is put."""

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self._objects: dict[str, tuple[bytes, datetime]] = {}

    async def put(self, key: str, source: Source) -> None:
        """Keep the bytes of ``source`` under ``key``; see the port."""
        check_key(key)
        data = source if isinstance(source, bytes) else await asyncio.to_thread(_read, source)
        if key in self._objects:
            raise FileExistsError(key)
        self._objects[key] = (data, self._now())

    async def put_all(self, objects: Sequence[tuple[str, Source]]) -> None:
        """Put several objects; see the port."""
        await put_side_by_side(self, objects)

    async def replace(self, key: str, source: Source) -> None:
        """Have the bytes of ``source`` in the place of those under ``key``; see the port."""
        check_key(key)
        data = source if isinstance(source, bytes) else await asyncio.to_thread(_read, source)
        if key not in self._objects:
            raise FileNotFoundError(key)
        self._objects[key] = (data, self._now())

    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Return the bytes from ``start`` to ``stop`` in pieces; see the port."""
        check_key(key)
        check_span(start, stop)
        if key not in self._objects:
            raise FileNotFoundError(key)
        data, _ = self._objects[key]
        return _pieces(data, start, end_of_span(key, start, stop, len(data)))

    async def delete(self, key: str) -> None:
        """Forget ``key``; see the port."""
        self._objects.pop(check_key(key), None)

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Every object whose key starts with ``prefix``; see the port."""
        check_prefix(prefix)
        for key, (data, put_at) in tuple(self._objects.items()):
            if key.startswith(prefix):
                yield StoredObject(key, len(data), put_at)

    async def incoming(self) -> Sequence[Incoming]:
        """Nothing that could be seen; see the port."""
        return ()

    async def sweep_incoming(self, before: datetime) -> int:
        """Remove nothing: here an object is kept in one step; see the port."""
        del before
        return 0

    def close(self) -> None:
        """Hold on: what was kept stays readable."""


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise StorageUnavailable(str(error)) from error


async def _pieces(data: bytes, start: int, stop: int) -> AsyncIterator[bytes]:
    for position in range(start, stop, _PIECE_BYTES):
        yield data[position : min(position + _PIECE_BYTES, stop)]
