"""How each part is looked at: what is well says nothing, what is not says what is wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from holdall.adapters import parts
from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.db.engine import open_database
from holdall.adapters.inspect.pool import ChildPool
from holdall.adapters.scan.clamd import Address, Unanswered
from holdall.errors import DatabaseUnavailable, InspectorUnavailable, StorageFull, StorageUnavailable
from tests.support.databases import sqlite_url
from tests.support.server import free_port

NOWHERE = Address("/nowhere/socket", 0)


def ask(look: Awaitable[None]) -> None:
    async def story() -> None:
        await look

    asyncio.run(story())


@asynccontextmanager
async def clamd(said: bytes) -> AsyncIterator[Address]:
    """Whoever says this to whatever it is asked."""
    port = free_port()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\0")
        writer.write(said)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", port):
        yield Address("127.0.0.1", port)


def look_at_database(url: str) -> None:
    async def story() -> None:
        database = open_database(url)
        try:
            await parts.look_at_database(database)
        finally:
            await database.close()

    asyncio.run(story())


def test_a_database_is_asked_to_read_and_to_commit(tmp_path: Path):
    look_at_database(sqlite_url(tmp_path))


def test_a_database_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(DatabaseUnavailable):
        look_at_database(f"sqlite:///{tmp_path}/none/holdall.sqlite3")


def test_a_store_without_its_folders_is_told(tmp_path: Path):
    """As an empty mount point is."""
    root = tmp_path / "blobs"
    store = LocalBlobStore(root)
    store.close()
    ask(parts.look_at_folder(root))
    root.rename(tmp_path / "away")
    root.mkdir()

    with pytest.raises(StorageUnavailable):
        ask(parts.look_at_folder(root))


def test_a_disk_with_less_room_than_is_wanted_is_told(tmp_path: Path):
    ask(parts.look_at_room(tmp_path, 1))

    with pytest.raises(StorageFull):
        ask(parts.look_at_room(tmp_path, 1 << 60))


def test_one_clamd_that_answers_is_enough():
    async def story() -> None:
        async with clamd(b"ClamAV 1.4.2/27000/Mon Nov 23 08:00:00 2026\0") as good:
            await parts.look_at_clamd([NOWHERE, good], 5)

    asyncio.run(story())


def test_clamds_that_all_fail_are_told_each():
    async def story() -> None:
        async with clamd(b"nonsense\0") as bad:
            await parts.look_at_clamd([NOWHERE, bad], 5)

    with pytest.raises(Unanswered, match="nonsense") as raised:
        asyncio.run(story())
    assert ";" in str(raised.value)


def test_a_pool_without_a_child_starts_one_and_then_only_looks():
    async def story() -> tuple[int, int, tuple[int, ...]]:
        pool = ChildPool(1)
        try:
            await pool.look()
            first = pool.pids
            await pool.look()
            return pool.started, pool.idle, first if first == pool.pids else ()
        finally:
            await pool.close()

    started, idle, pids = asyncio.run(story())

    assert (started, idle, len(pids)) == (1, 1, 1)


def test_a_pool_whose_child_died_starts_another_when_it_is_looked_at():
    async def story() -> tuple[int, int]:
        pool = ChildPool(1)
        try:
            await pool.look()
            [child] = pool._idle
            child.process.kill()
            child.process.wait()
            await pool.look()
            return pool.started, pool.idle
        finally:
            await pool.close()

    assert asyncio.run(story()) == (2, 1)


def test_a_closed_pool_is_no_inspector():
    async def story() -> None:
        pool = ChildPool(1)
        await pool.close()
        await pool.look()

    with pytest.raises(InspectorUnavailable):
        asyncio.run(story())
