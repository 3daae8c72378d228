"""A store that is opened late passes everything on, and opens nothing that nobody asks for."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from holdall.adapters.blobs.deferred import DeferredBlobStore
from holdall.adapters.blobs.local import LocalBlobStore

KEY = "ab/ab" + "0" * 30


def test_everything_is_passed_on_to_a_store_that_is_opened_once(tmp_path: Path):
    opened = []

    def open_store() -> LocalBlobStore:
        opened.append(LocalBlobStore(tmp_path / "blobs"))
        return opened[-1]

    async def story() -> None:
        store = DeferredBlobStore(open_store)
        assert opened == []
        await store.put(KEY, b"0123")
        assert [piece async for piece in await store.open(KEY, 1, 3)] == [b"12"]
        assert [stored.key async for stored in store.list()] == [KEY]
        assert await store.sweep_incoming(datetime.now(UTC)) == 0
        await store.delete(KEY)
        assert [stored async for stored in store.list()] == []
        store.close()
        assert len(opened) == 1

    asyncio.run(story())


def test_what_was_never_opened_is_closed_without_opening_it():
    def open_store() -> LocalBlobStore:
        raise AssertionError

    DeferredBlobStore(open_store).close()
