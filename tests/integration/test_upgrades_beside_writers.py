"""On PostgreSQL, tables change while others read and write them, and nobody waits for long."""

import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, text

from holdall.adapters.db import schema
from holdall.adapters.db.migrations import beside
from tests.integration.test_migrations import connected, describe
from tests.support.earlier_data import SCHEMAS, carry_over, make_at, unpack
from tests.support.postgres import Postgres

FIRST = "0001"
ROWS = int(os.environ.get("MIGRATED_ROWS", "3000"))
"""In each table that grows with the files."""
LONGEST_SECONDS = 5.0
"""For one write beside a migration: a moment for a table, and the rest for what else this machine has to do."""
TAKES_LONG = re.compile(r"\s*(CREATE (?:UNIQUE )?INDEX|UPDATE|INSERT INTO \w+ .*SELECT)\s", re.IGNORECASE)
ON_TABLE = re.compile(r"(?:\sON|UPDATE)\s+(\w+)", re.IGNORECASE)
HELD = text(
    "SELECT relname, mode FROM pg_locks JOIN pg_class ON pg_class.oid = relation "
    "WHERE pid = :pid AND relnamespace = 'public'::regnamespace "
    "AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
)
"""Modes in which others can no longer write. Tables of a transaction that is not committed are in nobody's way."""
FILES = text(
    "SELECT relname, relfilenode FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
    "AND relname <> 'alembic_version'"
)


def test_what_takes_long_is_done_while_nobody_is_held_up(postgres: Postgres):
    url = postgres.make_database()
    make_at(url, FIRST)
    held: list[tuple[str, Any]] = []
    plain: list[str] = []
    with connected(url) as outside:
        files = dict(outside.execute(FILES).all())
        outside.rollback()

        def look(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
            if connection.engine is outside.engine or not TAKES_LONG.match(statement):
                return
            pid = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
            found = ON_TABLE.search(statement)
            assert found, statement
            if found[1] == "alembic_version":
                return
            is_old = outside.scalar(text("SELECT to_regclass(:name)"), {"name": found[1]}) is not None
            if is_old and "INDEX" in statement and "CONCURRENTLY" not in statement:
                plain.append(statement)
            if is_old or "INDEX" not in statement:  # there is nothing in a table that is new
                held.extend((statement, lock) for lock in outside.execute(HELD, {"pid": pid}).all())
            outside.rollback()

        with listening(look):
            schema.migrate(url)
        after = dict(outside.execute(FILES).all())

    assert schema.current(url) == schema.HEAD
    assert plain == []
    assert held == []
    assert {name: after[name] for name in files} == files  # no table was written anew


@contextmanager
def listening(hear: Any) -> Iterator[None]:
    """To every statement."""
    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


def test_who_reads_for_long_holds_up_the_migration_and_no_writer(postgres: Postgres, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(schema, "PATIENCE", "100ms")
    url = postgres.make_database()
    make_at(url, "0008")
    waits_for_uploads = text("SELECT count(*) FROM pg_locks WHERE relation = 'uploads'::regclass AND NOT granted")
    with connected(url) as reader, connected(url) as writer, ThreadPoolExecutor(1) as threads:
        reader.execute(text("SELECT count(*) FROM uploads"))  # and its transaction goes on
        writer.execute(text("SET lock_timeout = '5s'"))
        migrating = threads.submit(schema.migrate, url)
        writes = 0
        while writes < 3:
            assert not migrating.done()
            if writer.scalar(waits_for_uploads):
                writer.execute(text("UPDATE uploads SET name = name"))  # behind it, until it steps back
                writes += 1
            writer.rollback()
            time.sleep(0.001)
        reader.rollback()
        migrating.result(timeout=30)

    assert schema.current(url) == schema.HEAD


def test_an_index_that_was_left_half_made_is_made_anew(postgres: Postgres):
    url, other = postgres.make_database(), postgres.make_database()
    make_at(url, "0008")
    with connected(url) as connection:
        connection.execute(text("ALTER TABLE uploads ADD COLUMN deleted_at timestamptz"))
        connection.execute(text("CREATE INDEX ix_uploads_space_id_id ON uploads (space_id, id)"))
        connection.execute(
            text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_uploads_space_id_id'::regclass")
        )
        connection.commit()

    schema.migrate(url)

    schema.migrate(other)
    with connected(url) as one, connected(other) as another:
        assert one.scalar(text("SELECT count(*) FROM pg_index WHERE NOT indisvalid")) == 0
        assert describe(one) == describe(another)


def test_rows_are_changed_a_few_at_a_time(postgres: Postgres, tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(beside, "BATCH", 3)
    url = postgres.make_database()
    carry_over(unpack(SCHEMAS[0], tmp_path / "data"), url)
    changed: list[int] = []

    def count(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE variants"):
            changed.append(cursor.rowcount)

    event.listen(Engine, "after_cursor_execute", count)
    try:
        schema.migrate(url)
    finally:
        event.remove(Engine, "after_cursor_execute", count)

    with connected(url) as connection:
        names = connection.scalars(text("SELECT DISTINCT recipe FROM variants")).all()
        many = connection.scalar(text("SELECT count(*) FROM variants"))
    assert names == ["256"]
    assert sum(changed) == many
    assert max(changed) <= 3
    assert len(changed) > 1


def test_writers_wait_for_no_revision_for_long(postgres: Postgres):
    """Each revision over ``MIGRATED_ROWS`` files, with a client that writes to each of their tables all the while."""
    url = postgres.make_database()
    make_at(url, FIRST)
    fill(url)
    took: dict[str, tuple[float, float, int]] = {}
    with ThreadPoolExecutor(1) as threads:
        for revision in revisions():
            is_over = Event()
            waits = threads.submit(longest_wait, url, is_over)
            began = time.monotonic()
            with schema.connected(url) as connection:
                connection.exec_driver_sql(f"SET lock_timeout = '{schema.PATIENCE}'")
                connection.commit()
                command.upgrade(schema.config(connection, beside_others=True), revision)
            seconds = time.monotonic() - began
            is_over.set()
            took[revision] = seconds, *waits.result()
    print(f"\n{ROWS} files; revision: seconds it took, the longest that a write took meanwhile (ms), writes")  # noqa: T201
    for revision, (seconds, longest, writes) in took.items():
        print(f"{revision}: {seconds:.2f} s, {longest * 1000:.0f} ms, {writes}")  # noqa: T201

    assert len(took) == int(schema.HEAD) - 1
    assert max(longest for _, longest, _ in took.values()) < LONGEST_SECONDS
    assert min(writes for *_, writes in took.values()) > 0


def revisions() -> list[str]:
    """Those after the first, in order."""
    scripts = ScriptDirectory(str(Path(schema.__file__).with_name("migrations")))
    return [script.revision for script in reversed(list(scripts.walk_revisions()))][1:]


def fill(url: str) -> None:
    """Files, each with its blob, thumbnail, upload, record and link, as the first version kept them."""
    with connected(url) as connection:
        for statement in (
            (
                "INSERT INTO users (id, public_id, login, login_key, email, email_key, name, created_at)"
                " VALUES (1, 'usr', 'a', 'a', '', '', 'A', now())"
            ),
            (
                "INSERT INTO spaces (id, public_id, name, owner_id, is_personal, created_at)"
                " VALUES (1, 'spc', 'S', 1, false, now())"
            ),
            (
                "INSERT INTO blobs (id, space_id, key, sha256, size, mime, state, touched_at)"
                " SELECT n, 1, md5(n::text), md5(n::text) || md5(n::text), 200000, 'image/jpeg', 'ready', now()"
                " FROM generate_series(1, :rows) n"
            ),
            (
                "INSERT INTO variants (blob_id, recipe, key, size, mime, sha256, width, height)"
                " SELECT n, 'thumb-256', md5('v' || n), 9000, 'image/webp', md5(n::text) || md5(n::text), 256, 192"
                " FROM generate_series(1, :rows) n"
            ),
            (
                "INSERT INTO uploads"
                " (id, public_id, space_id, user_id, blob_id, name, path, door, kind, entity, created_at)"
                " SELECT n, 'att' || n, 1, 1, n, 'a.jpg', 'a/' || n, 'attachment', 'image', '', now()"
                " FROM generate_series(1, :rows) n"
            ),
        ):
            connection.execute(text(statement), {"rows": ROWS} if ":rows" in statement else {})
        connection.commit()


def longest_wait(url: str, is_over: Event) -> tuple[float, int]:
    """Write to every table that is changed, each for itself, until it is over; the longest one took so many seconds."""
    longest, writes = 0.0, 0
    statements = [
        text(f"UPDATE {table} SET {column} = {column} WHERE id = 1 + mod(:n, {ROWS})")  # noqa: S608  names of ours
        for table, column in (("blobs", "size"), ("uploads", "name"), ("variants", "size"), ("spaces", "name"))
    ]
    with connected(url) as connection:
        while not (is_over.is_set() and writes):
            for statement in statements:
                began = time.monotonic()
                connection.execute(statement, {"n": writes})
                connection.commit()
                longest = max(longest, time.monotonic() - began)
                writes += 1
    return longest, writes
