"""Snapshots: the whole database, as it was at one moment, in a SQLite file that stands for itself.

SQLite copies its own pages, in one step and beside writers, so that pages which did not change stay where they were.
From PostgreSQL the rows are copied within one transaction that sees one moment; the other way, within one that is
committed whole. Either way a snapshot says nothing of the engine it came from.
"""

import os
import shutil
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Select,
    Table,
    bindparam,
    create_engine,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from holdall.adapters.db import codec, postgres, schema, sqlite
from holdall.adapters.db.engine import is_in_memory, parse
from holdall.adapters.db.faults import translate
from holdall.adapters.db.rows import portions
from holdall.adapters.db.tables import blobs, metadata, quarantine, records, spaces, uploads, users, variants
from holdall.domain.backups import BackupRefused
from holdall.domain.files import BlobState
from holdall.domain.quarantine import QuarantineState
from holdall.ports import NamedBytes

COUNTED = (users, spaces, records, uploads, blobs)
_ROWS = 1000
"""Rows that are under way from one engine to the other."""
_VARIANTS_OF = (BlobState.READY.value, BlobState.QUARANTINED.value)
"""The variants of a file in quarantine stay where they are, for it may be released."""
_BLOBS = select(blobs.c.key, blobs.c.sha256, blobs.c.size).where(blobs.c.state == BlobState.READY.value)
_VARIANTS = (
    select(variants.c.key, variants.c.sha256, variants.c.size)
    .join_from(variants, blobs, variants.c.blob_id == blobs.c.id)
    .where(blobs.c.state.in_(_VARIANTS_OF))
)
_QUARANTINED = select(quarantine.c.key, quarantine.c.sha256, quarantine.c.size).where(
    quarantine.c.key.is_not(None), quarantine.c.state != QuarantineState.LEAVING.value
)
_NAMED: tuple[tuple[Select[Any], bool], ...] = ((_BLOBS, False), (_VARIANTS, False), (_QUARANTINED, True))


class SqlSnapshots:
    """``ports.Snapshots`` of the database at ``url``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._address = parse(url)

    def ensure_current(self) -> None:
        """Let through a database of this version's schema. Raises ``BackupRefused`` for any other."""
        found = schema.current(self._url)
        if found is None:
            raise BackupRefused("There is no database to back up")
        if found != schema.HEAD:
            raise BackupRefused(
                f"The database is at schema {found}, and this version's is {schema.HEAD}: back up with the version "
                "that serves it, or run `holdall migrate` first"
            )

    def take(self, path: Path) -> None:
        """Write the database as it is now into a file; see the port."""
        self.ensure_current()
        with _told():
            path.unlink(missing_ok=True)
            sqlite.keep_private(path)
            if self._is_file:
                self._copy_pages(path)
            else:
                self._copy_rows(path)
            _settle(path)

    def schema_of(self, path: Path) -> str:
        """The revision of a snapshot."""
        return schema.current(f"sqlite:///{path}") or ""

    def counts(self, path: Path) -> dict[str, int]:
        """How many rows its tables have, by their names."""
        with _reading(path) as snapshot:
            return {table.name: snapshot.scalar(select(func.count()).select_from(table)) or 0 for table in COUNTED}

    @contextmanager
    def named(self, path: Path) -> Iterator[Iterator[NamedBytes]]:
        """All that its rows name; see the port."""
        with _reading(path) as snapshot:
            yield _named(snapshot)

    def forget_quarantined(self, path: Path, keys: Collection[str]) -> None:
        """Have files in quarantine be there without their bytes; see the port."""
        with schema.connected(f"sqlite:///{path}") as snapshot:
            for some in portions(keys):
                snapshot.execute(update(quarantine).where(quarantine.c.key.in_(some)).values(key=None))
        _settle(path)

    def bring_forward(self, path: Path) -> None:
        """Bring a snapshot to this version's schema; see the port."""
        found = self.schema_of(path)
        if found > schema.HEAD:
            raise BackupRefused(
                f"It has schema {found}, and this version's is {schema.HEAD}: restore it with the version that made "
                "it, or a later one"
            )
        schema.migrate(f"sqlite:///{path}")
        _settle(path)

    def is_vacant(self) -> bool:
        """Whether there is nothing yet where the database is to be."""
        if self._is_file:
            return not is_in_memory(self._address) and not self._file.exists()
        with schema.connected(self._url) as connection:
            return schema.current(self._url) is None or not _has_rows(connection)

    def install(self, path: Path) -> None:
        """Make the database from a snapshot; see the port."""
        if not self._is_file:
            self._fill(path)
            return
        with _told():
            self._file.parent.mkdir(0o700, parents=True, exist_ok=True)
            draft = self._file.with_name(f".{self._file.name}.{os.getpid()}")
            try:
                _copy_durably(path, draft)
                os.link(draft, self._file)  # fails where there is one by now
                _sync(self._file.parent)
            except FileExistsError as error:
                raise BackupRefused(f"{self._file} came to be while the backup was being restored") from error
            finally:
                draft.unlink(missing_ok=True)

    @property
    def _is_file(self) -> bool:
        return self._address.drivername == "sqlite"

    @property
    def _file(self) -> Path:
        return Path(str(self._address.database))

    def _copy_pages(self, path: Path) -> None:
        """All in one step: with several, each commit of the server in between makes SQLite begin anew."""
        with closing(sqlite.connect(str(self._file))) as source, closing(sqlite3.connect(path)) as target:
            source.backup(target)

    def _copy_rows(self, path: Path) -> None:
        schema.migrate(f"sqlite:///{path}")
        engine = postgres.make_engine(self._address, 1, is_for_reading=True)
        try:
            with engine.connect() as source, schema.connected(f"sqlite:///{path}") as target:
                target.exec_driver_sql("PRAGMA foreign_keys = OFF")
                target.exec_driver_sql("BEGIN")
                for table in metadata.sorted_tables:
                    _copy_table(table, source, target)
                    _count_on_in_sqlite(table, source, target)
                target.commit()
        finally:
            engine.dispose()

    def _fill(self, path: Path) -> None:
        """All rows in one transaction: a database that has some of them would be taken for one that has them all."""
        schema.migrate(self._url)
        engine = postgres.make_engine(self._address, 1, is_for_reading=False)
        try:
            with _told(), engine.connect() as target, _reading(path) as source:
                target.execute(_HOLD_USERS)
                if _has_rows(target):
                    raise BackupRefused("The database came to have rows while the backup was being restored")
                for table in reversed(metadata.sorted_tables):
                    target.execute(delete(table))
                for table in metadata.sorted_tables:
                    _copy_table(table, source, target)
                    _count_on_in_postgres(table, source, target)
                target.commit()
        finally:
            engine.dispose()


def _named(snapshot: Connection) -> Iterator[NamedBytes]:
    for statement, is_quarantined in _NAMED:
        for key, sha256, size in snapshot.execute(statement):
            yield NamedBytes(key, sha256, size, is_quarantined=is_quarantined)


_HOLD_USERS = text("LOCK TABLE users IN EXCLUSIVE MODE")


def _has_rows(connection: Connection) -> bool:
    return connection.scalar(select(users.c.id).limit(1)) is not None


@contextmanager
def _reading(path: Path) -> Iterator[Connection]:
    """A snapshot that nobody writes to. Nothing is left beside it."""
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False),
        poolclass=NullPool,
        **codec.ENGINE_OPTIONS,
    )
    with _told(), engine.connect() as connection:
        yield connection


@contextmanager
def _told() -> Iterator[None]:
    """Turn the drivers' errors into Holdall's."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise translate(error) from error


def _settle(path: Path) -> None:
    """Have it all in one file, on disk."""
    with _told():
        with closing(sqlite3.connect(path)) as snapshot:
            snapshot.execute("PRAGMA journal_mode = DELETE").close()
        _sync(path)


def _copy_durably(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    sqlite.keep_private(target)
    shutil.copyfile(source, target)
    _sync(target)


def _sync(path: Path) -> None:
    """A file or a folder."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# ── from one engine to the other ─────────────────────────────────────────────────────────────────────────────────


def _copy_table(table: Table, source: Connection, target: Connection) -> None:
    """Copy every row. What refers to other rows of the same table is told afterwards, when all of them are there."""
    own = _own_references(table)
    ordered = select(table).order_by(*table.primary_key)
    found = source.execution_options(stream_results=True, yield_per=_ROWS).execute(ordered)
    for rows in found.mappings().partitions():
        target.execute(insert(table), [{**row, **dict.fromkeys(own)} for row in rows])
    for name in own:
        _copy_references(table, table.c[name], source, target)


def _own_references(table: Table) -> list[str]:
    return [column.name for column in table.columns if any(key.column.table is table for key in column.foreign_keys)]


def _copy_references(table: Table, column: Column[Any], source: Connection, target: Connection) -> None:
    told = update(table).where(table.c.id == bindparam("of_row")).values({column.name: bindparam("other")})
    found = source.execute(select(table.c.id.label("of_row"), column.label("other")).where(column.is_not(None)))
    for rows in found.mappings().partitions(_ROWS):
        target.execute(told, [dict(row) for row in rows])


def _count_on_in_sqlite(table: Table, source: Connection, target: Connection) -> None:
    """Numbers that were given out once are not given out again, also those of rows that are gone."""
    if not table.dialect_options["sqlite"]["autoincrement"]:
        return
    last = source.scalar(_LAST_IN_POSTGRES, {"name": table.name})
    if last is not None:
        target.execute(_FORGET_IN_SQLITE, {"name": table.name})
        target.execute(_COUNT_IN_SQLITE, {"name": table.name, "last": last})


def _count_on_in_postgres(table: Table, source: Connection, target: Connection) -> None:
    column = table.autoincrement_column
    if column is None:
        return
    highest = source.scalar(select(func.max(column))) or 0
    given = source.scalar(_LAST_IN_SQLITE, {"name": table.name}) or 0
    if max(highest, given):
        target.execute(_COUNT_IN_POSTGRES, {"name": table.name, "column": column.name, "last": max(highest, given)})


_LAST_IN_POSTGRES = text("SELECT pg_sequence_last_value(pg_get_serial_sequence(:name, 'id')::regclass)")
_LAST_IN_SQLITE = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
_FORGET_IN_SQLITE = text("DELETE FROM sqlite_sequence WHERE name = :name")
_COUNT_IN_SQLITE = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)")
_COUNT_IN_POSTGRES = text("SELECT setval(pg_get_serial_sequence(:name, :column), :last)")
