"""A blob store that is opened when it is first needed: most runs of a command never need the quarantine's."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from holdall.ports import BlobStore, Incoming, Source, StoredObject


class DeferredBlobStore:
    """A ``BlobStore`` that passes everything on to the one that ``open_store`` gives."""

    def __init__(self, open_store: Callable[[], BlobStore]) -> None:
        self._open_store = open_store
        self._opened: BlobStore | None = None

    async def put(self, key: str, source: Source) -> None:
        """Keep the bytes of ``source`` under ``key``; see the port."""
        await self._store.put(key, source)

    async def put_all(self, objects: Sequence[tuple[str, Source]]) -> None:
        """Put several objects; see the port."""
        await self._store.put_all(objects)

    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Return the bytes from ``start`` to ``stop`` in pieces; see the port."""
        return await self._store.open(key, start, stop)

    async def delete(self, key: str) -> None:
        """Forget ``key``; see the port."""
        await self._store.delete(key)

    def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Every object whose key starts with ``prefix``; see the port."""
        return self._store.list(prefix)

    async def incoming(self) -> Sequence[Incoming]:
        """What lies half-written; see the port."""
        return await self._store.incoming()

    async def sweep_incoming(self, before: datetime) -> int:
        """Remove what puts that broke off left behind; see the port."""
        return await self._store.sweep_incoming(before)

    def close(self) -> None:
        """Let go, if there is anything to let go of; see the port."""
        if self._opened is not None:
            self._opened.close()

    @property
    def _store(self) -> BlobStore:
        if self._opened is None:
            self._opened = self._open_store()
        return self._opened
