"""Whoever changes the audit log behind Holdall's back is found out; and nobody forks it by being quick."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from holdall.adapters.db import schema
from holdall.adapters.db.audit import LOCK
from holdall.adapters.db.engine import open_database, parse
from holdall.domain.audit import EMPTY, Fault, Head
from holdall.flows.audit import verify
from holdall.ports import Ledger
from tests.support.databases import Work, sqlite_url
from tests.support.logs import LogServices
from tests.support.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgres"])
def work(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Work]:
    """A database of this test's own, which others can reach."""
    url = sqlite_url(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgres").make_database()
    schema.migrate(url)
    database = open_database(url)
    yield Work(url, database, has_parallel_reads=True)
    asyncio.run(database.close())


@pytest.fixture
def ten(work: Work) -> Head:
    """A chain of ten entries."""
    for number in range(10):
        record(work, f"usr{number}")
    head = chain(work)
    assert isinstance(head, Head)
    assert head.number == 10
    return head


def record(work: Work, subject: str) -> None:
    """Record one act."""
    work.write(lambda ledger: ledger.audit.record("os:ines", "user.add", subject, {"login": subject}))


def chain(work: Work, kept: Head | None = None) -> Head | Fault:
    """What a walk over the chain comes to."""
    return asyncio.run(verify(LogServices(work.database), kept))  # type: ignore[arg-type]


def tamper(work: Work, *statements: str) -> None:
    """As somebody who can write the database."""
    engine = create_engine(parse(work.url), poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize(
    ("statements", "broken"),
    [
        (["UPDATE audit SET actor = 'os:root' WHERE number = 4"], 4),
        (["UPDATE audit SET details = '{}' WHERE number = 1"], 1),
        (["UPDATE audit SET at = (SELECT at FROM audit WHERE number = 9) WHERE number = 10"], 10),
        (["UPDATE audit SET hash = (SELECT hash FROM audit WHERE number = 9) WHERE number = 10"], 10),
        (["DELETE FROM audit WHERE number = 7"], 7),
        (["DELETE FROM audit WHERE number = 1"], 1),
        (["DELETE FROM audit WHERE number = 7", "UPDATE audit SET number = 7 WHERE number = 8"], 7),
        (
            [
                "UPDATE audit SET number = 100 WHERE number = 5",
                "UPDATE audit SET number = 5 WHERE number = 6",
                "UPDATE audit SET number = 6 WHERE number = 100",
            ],
            5,
        ),
        (["INSERT INTO audit SELECT 11, at, actor, act, subject, details, hash FROM audit WHERE number = 10"], 11),
    ],
    ids=["edit", "edit the first", "edit the last", "edit a digest", "delete", "delete the first", "close the gap",
         "reorder", "append"],
)  # fmt: skip
@pytest.mark.usefixtures("ten")
def test_tampering_is_found_and_the_first_bad_entry_named(work: Work, statements: list[str], broken: int):
    tamper(work, *statements)

    fault = chain(work)

    assert isinstance(fault, Fault)
    assert fault.number == broken


def test_a_chain_cut_short_shows_against_a_head_that_was_kept(work: Work, ten: Head):
    """Without one it cannot be told from a shorter chain."""
    tamper(work, "DELETE FROM audit WHERE number > 8")

    assert isinstance(chain(work), Head)
    fault = chain(work, ten)

    assert isinstance(fault, Fault)
    assert fault.number == 9


def test_a_chain_written_anew_shows_against_a_head_that_was_kept(work: Work, ten: Head):
    """Whole in itself, and another one; also when it has grown since."""
    tamper(work, "DELETE FROM audit WHERE number > 8")
    for number in range(4):
        record(work, f"other{number}")

    assert isinstance(chain(work), Head)
    fault = chain(work, ten)

    assert isinstance(fault, Fault)
    assert fault.number == 10


def test_a_chain_that_only_grew_leads_through_every_head_it_had(work: Work, ten: Head):
    record(work, "usr10")

    for kept in (EMPTY, ten, None):
        head = chain(work, kept)
        assert isinstance(head, Head)
        assert head.number == 11


def test_on_postgres_a_second_appender_waits_for_the_first(postgres: Postgres):
    """Both would otherwise follow the same entry, and one be refused."""
    url = postgres.make_database()
    schema.migrate(url)
    begun = datetime.now(UTC)

    async def second(first: "psycopg.Connection[object]") -> float:
        database = open_database(url)
        task = asyncio.ensure_future(database.write(_record))
        done, _ = await asyncio.wait([task], timeout=0.5)
        assert not done
        first.rollback()
        entry_at = await task
        await database.close()
        return entry_at

    with psycopg.connect(url) as first:
        first.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        waited = asyncio.run(second(first)) - begun.timestamp()

    assert waited >= 0.5


def _record(ledger: Ledger) -> float:
    return ledger.audit.record("server", "x.y", "", {}).at.timestamp()
