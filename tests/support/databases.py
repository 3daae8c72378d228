"""Every kind of database that Holdall runs on, behind one fixture."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from holdall.adapters.db import schema
from holdall.adapters.db.engine import Database, open_database
from holdall.ports import Ledger

T = TypeVar("T")


@dataclass(frozen=True)
class Work:
    """An open database, for tests that want an answer and no event loop."""

    url: str
    database: Database
    has_parallel_reads: bool
    """Whether a read goes on while something is written; in memory there is one connection for all."""

    def read(self, story: Callable[[Ledger], T]) -> T:
        """Run one story that reads."""
        return asyncio.run(self.database.read(story))

    def write(self, story: Callable[[Ledger], T]) -> T:
        """Run one story that writes."""
        return asyncio.run(self.database.write(story))


@pytest.fixture(scope="module", params=["sqlite", "postgres", "memory"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with this version's tables, shared by a module's tests; where in memory, each test has its own."""
    if request.param == "memory":
        return "sqlite://"
    if request.param == "sqlite":
        address = sqlite_url(tmp_path_factory.mktemp("sqlite"))
    else:
        address = request.getfixturevalue("postgres").make_database()
    schema.migrate(address)
    return address


@pytest.fixture
def work(url: str) -> Iterator[Work]:
    """The database, open."""
    database = open_database(url)
    yield Work(url, database, has_parallel_reads=url != "sqlite://")
    asyncio.run(database.close())


def sqlite_url(folder: Path) -> str:
    """The address of a database in this folder."""
    return f"sqlite:///{folder / 'holdall.db'}"
