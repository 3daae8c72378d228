"""What earlier versions left: data folders of theirs, and the same rows on PostgreSQL."""

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    DateTime,
    MetaData,
    Table,
    create_engine,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.pool import NullPool

from holdall.adapters.db import schema
from holdall.adapters.db.engine import parse

ARCHIVES = Path(__file__).with_name("earlier")
SCHEMAS = tuple(sorted(path.name.partition(".")[0] for path in ARCHIVES.glob("*.tar.xz")))
"""Those of which there are data."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Earlier:
    """A data folder that a server of this schema left."""

    schema: str
    data: Path

    @cached_property
    def known(self) -> dict[str, Any]:
        """What its clients were told."""
        told: dict[str, Any] = json.loads((self.data / "known.json").read_text())
        return told

    @property
    def url(self) -> str:
        """Its database."""
        return f"sqlite:///{self.data / 'holdall.sqlite3'}"


def unpack(schema: str, data: Path) -> Earlier:
    """The data of this schema, in a folder of its own."""
    with tarfile.open(ARCHIVES / f"{schema}.tar.xz") as archive:
        archive.extractall(data, filter="data")
    return Earlier(schema, data)


def make_at(url: str, revision: str) -> None:
    """The tables of an earlier revision, in an empty database."""
    with schema.connected(url) as connection:
        command.upgrade(schema.config(connection), revision)
        connection.commit()


def carry_over(earlier: Earlier, target: str) -> None:
    """Put its rows into an empty PostgreSQL database, under its own schema."""
    make_at(target, earlier.schema)
    with opened(earlier.url) as source, opened(target) as kept:
        tables, theirs = MetaData(), MetaData()
        tables.reflect(kept)
        theirs.reflect(source)
        for table in tables.sorted_tables:
            found = source.execute(select(theirs.tables[table.name])).mappings().all()
            if found and table.name != "alembic_version":
                kept.execute(insert(table), [_spelled(table, dict(row)) for row in found])
                _count_on(kept, table)
        kept.commit()


def all_rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, the numbers of revisions too."""
    with opened(url) as connection:
        names = [name for name in inspect(connection).get_table_names() if name != "sqlite_sequence"]
        return {
            name: sorted((tuple(map(str, row)) for row in connection.execute(text(f'SELECT * FROM "{name}"'))), key=str)  # noqa: S608  names of ours
            for name in names
        }


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    """Look at a database from outside, or change it."""
    engine = create_engine(parse(url), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def _spelled(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {name: _spell(table.c[name].type, value) for name, value in row.items()}


def _spell(type: Any, value: Any) -> Any:
    """As PostgreSQL keeps what SQLite has no type for."""
    match type:
        case DateTime() if value is not None:
            return EPOCH + timedelta(microseconds=value)
        case Boolean() if value is not None:
            return bool(value)
        case JSON() if isinstance(value, str):
            return json.loads(value)
    return value


def _count_on(connection: Connection, table: Table) -> None:
    """Have the next row numbered after those that were put in."""
    sequence = (
        connection.scalar(text("SELECT pg_get_serial_sequence(:t, 'id')"), {"t": table.name})
        if "id" in table.c
        else None
    )
    if sequence:
        last = connection.scalar(select(func.max(table.c.id)))
        connection.execute(text("SELECT setval(:s, :n)"), {"s": sequence, "n": last})
