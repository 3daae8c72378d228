"""The database as the stories see it: ``open_database`` and ``Database``."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import URL, Engine, make_url

from holdall.adapters.db import postgres, sqlite
from holdall.adapters.db.lanes import Lane
from holdall.errors import DatabaseUnavailable
from holdall.ports import Ledger

T = TypeVar("T")

Waited = Callable[[float], None]
POSTGRES_CONNECTIONS = 4
"""Connections for reading, and as many for writing, in each process."""


class Database:
    """``ports.UnitOfWork`` over one lane of threads that read and one that write; the same lane may be both."""

    def __init__(
        self, reading: Lane, writing: Lane, engines: tuple[Engine, ...], glancer: sqlite.Glancer | None = None
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._engines = engines
        self._glancer = glancer
        """Answers at once what needs no thread; ``None`` where every answer comes from afar."""
        self._is_closed = False

    async def read(self, story: Callable[[Ledger], T]) -> T:
        """Run ``story`` on a consistent snapshot."""
        self._ensure_open()
        return await self._reading.run(story)

    async def glance(self, story: Callable[[Ledger], T]) -> T:
        """Run ``story`` on a consistent snapshot, at once where the database is a file of this machine."""
        self._ensure_open()
        if self._glancer is not None:
            with suppress(sqlite.Busy):
                return self._glancer.glance(story)
        return await self._reading.run(story)

    async def write(self, story: Callable[[Ledger], T]) -> T:
        """Run ``story`` and commit it; nothing is returned before the commit is on disk."""
        self._ensure_open()
        return await self._writing.run(story)

    async def note(self, story: Callable[[Ledger], T]) -> T:
        """Run ``story`` and commit it, in order, without waiting for the disk."""
        self._ensure_open()
        return await self._writing.run(story, is_durable=False)

    async def close(self) -> None:
        """Finish what was begun, then let go. Safe to repeat."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._glancer is not None:
            self._glancer.close()
        await self._reading.close()
        if self._writing is not self._reading:
            await self._writing.close()
        for engine in self._engines:
            engine.dispose()

    def _ensure_open(self) -> None:
        if self._is_closed:
            raise DatabaseUnavailable("closed")


def parse(url: str) -> URL:
    """Read a database's address; plain ``postgresql://`` means our driver."""
    address = make_url(url)
    match address.drivername:
        case "postgresql" | "postgresql+psycopg":
            return address.set(drivername="postgresql+psycopg")
        case "sqlite":
            return address
    raise ValueError(f"not a database that Holdall knows: {address.drivername}")


def is_in_memory(address: URL) -> bool:
    """Whether the database lives and dies with its connection."""
    return address.drivername == "sqlite" and address.database in {None, "", sqlite.MEMORY}


def open_database(url: str, waited: Waited | None = None) -> Database:
    """Open ``sqlite:///path``, ``sqlite://`` (in memory, with its tables) or ``postgresql://…``; connects when used.

    ``waited`` is told how many seconds each writing story waited for its turn.
    """
    address = parse(url)
    if address.drivername != "sqlite":
        return _open_postgres(address, waited)
    if is_in_memory(address):
        return _open_memory()
    return _open_file(str(address.database), waited)


def _open_memory() -> Database:
    engine = sqlite.make_engine(sqlite.MEMORY)
    lane = Lane("memory", [sqlite.MemoryWriter(engine)], sqlite.GROUP)
    return Database(lane, lane, (engine,))


def _open_file(path: str, waited: Waited | None) -> Database:
    engine = sqlite.make_engine(path)
    reading = Lane("reader", [sqlite.Reader(engine) for _ in range(sqlite.READERS)])
    writing = Lane("writer", [sqlite.Writer(engine)], sqlite.GROUP, waited)
    return Database(reading, writing, (engine,), sqlite.Glancer(sqlite.make_engine(path, busy_seconds=0)))


def _open_postgres(address: URL, waited: Waited | None) -> Database:
    engines = tuple(
        postgres.make_engine(address, POSTGRES_CONNECTIONS, is_for_reading=is_for_reading)
        for is_for_reading in (True, False)
    )
    reading, writing = (
        Lane(name, [postgres.Transactor(engine) for _ in range(POSTGRES_CONNECTIONS)], waited=told)
        for name, engine, told in zip(("reader", "writer"), engines, (None, waited), strict=True)
    )
    return Database(reading, writing, engines)
