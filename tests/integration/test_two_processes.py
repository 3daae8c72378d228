"""A command line beside a running server, on one SQLite file."""

import asyncio
import subprocess
import sys
from pathlib import Path

from holdall.adapters.db import schema
from holdall.adapters.db.engine import Database, open_database
from holdall.ports import Ledger
from tests.support.rows import NOW

OTHER = """
import asyncio, sys
from datetime import UTC, datetime
from holdall.adapters.db.engine import open_database

async def add():
    database = open_database(sys.argv[1])
    now = datetime.now(UTC)
    await database.write(lambda ledger: ledger.accounts.add_user("usr" + sys.argv[2] * 21, sys.argv[2], "", "x", now))
    await database.close()

asyncio.run(add())
"""


def logins(ledger: Ledger) -> list[bool]:
    return [ledger.accounts.find_user(login) is not None for login in "abc"]


async def read_by_all(database: Database) -> list[list[bool]]:
    """What every reader sees: more stories at once than there are readers."""
    return await asyncio.gather(*(database.read(logins) for _ in range(8)))


def test_what_another_process_writes_is_seen_by_every_reader(tmp_path: Path):
    """And the other process, closing, does not take the write-ahead log away from under us."""
    url = f"sqlite:///{tmp_path / 'shared.sqlite3'}"
    schema.migrate(url)

    async def story() -> None:
        database = open_database(url)
        try:
            assert await read_by_all(database) == [[False] * 3] * 8
            for count, login in enumerate("ab", 1):
                await asyncio.to_thread(subprocess.run, [sys.executable, "-c", OTHER, url, login], check=True)
                assert await read_by_all(database) == [[number < count for number in range(3)]] * 8
            await database.write(lambda ledger: ledger.accounts.add_user("usr" + "c" * 21, "c", "", "x", NOW))
            assert await read_by_all(database) == [[True] * 3] * 8
        finally:
            await database.close()

    asyncio.run(story())
    assert logins_after_restart(url) == [True] * 3


def logins_after_restart(url: str) -> list[bool]:
    async def story() -> list[bool]:
        database = open_database(url)
        try:
            return await database.read(logins)
        finally:
            await database.close()

    return asyncio.run(story())
