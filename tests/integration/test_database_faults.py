"""A database that fails at any one call is unavailable for that story, keeps none of it, and serves the next."""

import asyncio
import errno
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from holdall.adapters.db import schema
from holdall.adapters.db.engine import Database, open_database, parse
from holdall.domain.access import TokenKind
from holdall.errors import DatabaseUnavailable, StorageFull
from holdall.ports import Ledger
from tests.support.databases import sqlite_url
from tests.support.postgres import Postgres
from tests.support.rows import NOW, World, make_record, make_upload, make_user, make_world

MORE_CALLS_THAN_A_STORY_MAKES = 60


class Fault:
    """Makes the driver's calls fail, from a chosen one on, for as many as wanted."""

    def __init__(self) -> None:
        self.make_error: Callable[[], Exception] = sqlite3.OperationalError
        self.clear()

    def clear(self) -> None:
        """Let every call pass."""
        self.calls: list[str] = []
        self.first = self.last = -1

    def arm(self, first: int, count: int = 1) -> None:
        """Count calls from here; those numbered ``first`` and on fail."""
        self.clear()
        self.first, self.last = first, first + count

    def meet(self, call: object) -> None:
        """Note a call, and fail it where it is its turn."""
        number = len(self.calls)
        self.calls.append(str(call))
        if self.first <= number < self.last:
            raise self.make_error()

    @property
    def has_struck(self) -> bool:
        """Whether a call has failed since ``arm``."""
        return 0 <= self.first < len(self.calls)


fault = Fault()


class FaultyCursor(sqlite3.Cursor):
    """A cursor that asks first."""

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        """Ask, then do."""
        fault.meet(sql)
        return super().execute(sql, *rest)

    def executemany(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        """Ask, then do."""
        fault.meet(sql)
        return super().executemany(sql, *rest)


class FaultyConnection(sqlite3.Connection):
    """A connection that asks first."""

    def cursor(self, factory: Any = FaultyCursor) -> Any:
        """Make a cursor that asks."""
        return super().cursor(factory)

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        """Ask, then do."""
        return self.cursor().execute(sql, *rest)


@pytest.fixture
def broken_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database in a file whose driver can be told to fail."""
    url = sqlite_url(tmp_path)
    schema.migrate(url)
    fault.clear()
    fault.make_error = partial(sqlite3.OperationalError, "disk I/O error")
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=FaultyConnection))
    yield url
    fault.clear()


@pytest.fixture
def broken_postgres(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database on a server whose driver can be told to fail."""
    url = postgres.make_database()
    schema.migrate(url)
    fault.clear()
    fault.make_error = partial(psycopg.OperationalError, "the connection is lost")
    for kind, method in ((psycopg.Cursor, "execute"), (psycopg.Cursor, "executemany"), (psycopg.Connection, "commit")):
        monkeypatch.setattr(kind, method, asking_first(getattr(kind, method)))
    yield url
    fault.clear()


def asking_first(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a driver's method."""

    def wrapped(self: object, *arguments: Any, **options: Any) -> Any:
        fault.meet(arguments[0] if arguments else method.__name__)
        return method(self, *arguments, **options)

    return wrapped


@pytest.fixture(params=["broken_sqlite", "broken_postgres"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An open database whose driver can be told to fail."""
    database = open_database(request.getfixturevalue(request.param))
    yield database
    fault.clear()
    asyncio.run(database.close())


def everything(world: World) -> Callable[[Ledger], tuple[int, int, int]]:
    """A story that counts what a half-written story would leave."""
    return lambda ledger: (
        ledger.records.count(world.database),
        len(ledger.files.ready(after=0, limit=999)),
        len(ledger.spaces.of(world.user)),
    )


def write_much(world: World) -> Callable[[Ledger], object]:
    """A story of many statements."""
    return lambda ledger: make_record(ledger, world, [make_upload(ledger, world, 2)])


def test_a_write_may_fail_at_any_call(database: Database):
    async def run():
        world = await database.write(make_world)
        before = await database.read(everything(world))
        for number in range(MORE_CALLS_THAN_A_STORY_MAKES):
            fault.arm(number)
            (outcome,) = await asyncio.gather(database.write(write_much(world)), return_exceptions=True)
            if not fault.has_struck:
                break
            fault.clear()
            assert isinstance(outcome, DatabaseUnavailable)
            assert outcome.__cause__ is not None
            assert await database.read(everything(world)) == before
        fault.clear()
        after = await database.read(everything(world))
        assert (after[0], after[1]) == (before[0] + 1, before[1] + 1)
        return number

    assert asyncio.run(run()) > 8


def test_a_read_may_fail_at_any_call(database: Database):
    async def run():
        user = await database.write(make_user)
        failures = 0
        for number in range(MORE_CALLS_THAN_A_STORY_MAKES):
            fault.arm(number)
            try:
                found = await database.read(lambda ledger: ledger.accounts.find_user(user.login))
            except DatabaseUnavailable:
                failures += 1
            else:
                assert found == user
                if not fault.has_struck:
                    return failures
        return 0

    assert asyncio.run(run()) >= 2


def test_a_connection_that_fails_even_to_undo_is_replaced(database: Database):
    async def run():
        world = await database.write(make_world)
        before = await database.read(everything(world))
        for number in range(6):
            fault.arm(number, count=99)
            with pytest.raises(DatabaseUnavailable):
                await database.write(write_much(world))
            with pytest.raises(DatabaseUnavailable):
                await database.read(everything(world))
            fault.clear()
            assert await database.read(everything(world)) == before
        await database.write(write_much(world))

    asyncio.run(run())


def test_a_commit_that_fails_fails_its_whole_group(broken_sqlite: str):
    database = open_database(broken_sqlite)

    async def run():
        world = await database.write(make_world)
        fault.arm(10_000)
        await asyncio.gather(*(database.write(write_much(world)) for _ in range(20)))
        commits = [number for number, call in enumerate(fault.calls) if call == "COMMIT"]
        fault.arm(commits[-1])
        outcomes = await asyncio.gather(*(database.write(write_much(world)) for _ in range(20)), return_exceptions=True)
        fault.clear()
        failed = [outcome for outcome in outcomes if isinstance(outcome, DatabaseUnavailable)]
        records, *_ = await database.read(everything(world))
        await database.close()
        return len(commits), len(failed), records

    commits, failed, records = asyncio.run(run())

    assert commits < 5
    assert 1 < failed <= 20
    assert records == 40 - failed


@pytest.mark.parametrize(
    "error", [sqlite3.OperationalError("database or disk is full"), OSError(errno.ENOSPC, "no room")]
)
def test_a_full_disk_has_its_own_name(broken_sqlite: str, error: Exception):
    database = open_database(broken_sqlite)
    fault.make_error = lambda: error

    async def run():
        world = await database.write(make_world)
        fault.arm(3)
        with pytest.raises(StorageFull):
            await database.write(write_much(world))
        fault.clear()
        await database.write(write_much(world))
        await database.close()

    asyncio.run(run())


def test_a_disk_that_is_really_full_undoes_its_group_and_no_more(broken_sqlite: str):
    database = open_database(broken_sqlite)

    async def run():
        world = await database.write(make_world)
        driver = database._writing._workers[0]._open()[0]
        pages = driver.execute("PRAGMA page_count").fetchone()[0]
        driver.execute(f"PRAGMA max_page_count = {pages + 2}").close()
        outcomes: list[object] = []
        for _ in range(20):
            group = (database.write(write_much(world)) for _ in range(3))
            outcomes += await asyncio.gather(*group, return_exceptions=True)
        failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert {type(error) for error in failed} == {StorageFull}
        assert (await database.read(everything(world)))[0] == len(outcomes) - len(failed)
        driver.execute("PRAGMA max_page_count = 100000").close()
        await database.write(write_much(world))
        await database.close()

    asyncio.run(run())


def test_a_file_that_cannot_be_opened_is_unavailable_until_it_can(tmp_path: Path):
    folder = tmp_path / "later"
    url = sqlite_url(folder)
    database = open_database(url)

    async def run():
        for verb in (database.read, database.write):
            with pytest.raises(DatabaseUnavailable):
                await verb(lambda ledger: ledger.accounts.find_token(TokenKind.BEARER, "x"))
        folder.mkdir()
        await asyncio.to_thread(schema.migrate, url)
        assert await database.read(lambda ledger: ledger.accounts.find_token(TokenKind.BEARER, "x")) is None
        await database.close()

    asyncio.run(run())


def test_a_file_that_another_process_locks_is_unavailable(broken_sqlite: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("holdall.adapters.db.sqlite._BUSY_SECONDS", 0.05)
    database = open_database(broken_sqlite)
    other = sqlite3.connect(str(parse(broken_sqlite).database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def run():
        with pytest.raises(DatabaseUnavailable):
            await database.write(make_user)
        assert await database.read(lambda ledger: ledger.accounts.find_user("x")) is None
        other.execute("ROLLBACK")
        await database.write(make_user)
        await database.close()

    asyncio.run(run())
    other.close()


def test_a_server_that_hangs_up_is_called_again(postgres: Postgres):
    url = postgres.make_database()
    schema.migrate(url)
    database = open_database(url)
    name = str(parse(url).database)

    def hang_up() -> None:
        with postgres.connect("postgres") as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            ).fetchall()

    async def run():
        user = await database.write(make_user)
        await asyncio.gather(*(database.read(lambda ledger: ledger.accounts.find_user("x")) for _ in range(9)))
        hang_up()
        found = await asyncio.gather(
            *(database.read(lambda ledger: ledger.accounts.find_user(user.login)) for _ in range(9))
        )
        assert found == [user] * 9
        await database.write(make_user)

        with pytest.raises(DatabaseUnavailable):
            await database.write(lambda ledger: (make_user(ledger), hang_up(), ledger.accounts.find_user("x")))
        await database.write(make_user)
        await database.close()

    asyncio.run(run())


def test_text_with_a_nul_is_refused_where_it_cannot_be_kept(postgres: Postgres):
    url = postgres.make_database()
    schema.migrate(url)
    database = open_database(url)

    async def run():
        with pytest.raises(Exception, match="not storable"):
            await database.write(lambda ledger: ledger.accounts.add_user("usr", "a\0b", "x", "x", NOW))
        await database.close()

    asyncio.run(run())
