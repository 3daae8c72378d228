"""Moving a database: every row from one engine to the other, through the tables that both have, so that types convert.

The source is held for the whole move: nobody else is at work on it (``occupancy``), and nothing is written to it, so
that it is read as of one moment. The target is filled table by table, those that are referred to first, in order of
the primary key and in commits of ``BATCH`` rows. A commit holds its rows whole or not at all, and they come in order:
so the last key in a target's table says where a move that was broken off goes on, and nothing is copied twice.

A row of ``installation`` marks a target that is not whole yet. It is written before the first row, goes with the last
step, and no service starts on a database that has it. That last step comes after both sides were read again, each row
of each table, and their counts and digests found to be the same.

What a row does not show is carried over too: how far each table's numbers have been given out (a number that went with
its row is not given again), and the indexes that operators had made of single fields.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    URL,
    ColumnElement,
    Connection,
    Select,
    String,
    Table,
    bindparam,
    delete,
    exists,
    func,
    insert,
    inspect,
    literal,
    select,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from holdall.adapters.db import occupancy, postgres, schema, sqlite
from holdall.adapters.db.cells import INDEX_PREFIX, cells_for, index_names, index_statement
from holdall.adapters.db.engine import is_in_memory, parse
from holdall.adapters.db.faults import translate
from holdall.adapters.db.spaces import FIELD, read_field
from holdall.adapters.db.tables import fields, installation, metadata
from holdall.errors import Conflict, DatabaseUnavailable

BATCH = 2000
"""Rows in one commit."""
MARK = "moving"
"""The name in ``installation`` under which an unfinished target remembers whose rows it holds."""
_APP_ID = "app_id"
_VERSIONS = "alembic_version"
_LOCK_SECONDS = 5
_LARGEST = 1 << 63
_encode = msgspec.json.Encoder(order="deterministic").encode

Row = Sequence[Any]
OnStep = Callable[[str, int, int], None]
"""Told what is done, how many rows are through with it, and how many there are in all; between two commits."""


@dataclass(frozen=True, slots=True)
class TableMoved:
    """One table, found to be the same on both sides."""

    name: str
    rows: int
    digest: str
    """SHA-256 over its rows."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did."""

    tables: tuple[TableMoved, ...]
    copied: int
    """Rows copied by this run; less than all where an earlier run was broken off."""
    indexes: int
    """Of single fields, made again."""

    @property
    def rows(self) -> int:
        """Rows in all."""
        return sum(table.rows for table in self.tables)


def move_database(source: str, target: str, on_step: OnStep = lambda *_: None) -> Moved:
    """Copy all rows of ``source`` to ``target``, and compare them. May be broken off anywhere, and begun again.

    The source is not changed.

    Raises:
        Conflict: somebody is at work on one of the two; the source is of another version; the target holds rows of
            something else; a row cannot be kept there; or the two differ in the end.
        DatabaseUnavailable, StorageFull: one of them cannot go on; what was copied stays.
        ValueError: an address is none of a database that Holdall knows.

    """
    here, there = _addresses(source, target)
    if schema.current(source) != schema.HEAD:
        raise Conflict("the database is not at this version: run `holdall migrate` first", 0)
    try:
        with ExitStack() as held:
            reading = held.enter_context(_opened(here))
            held.enter_context(occupancy.alone(reading, here))
            held.enter_context(_frozen(reading))
            writing = held.enter_context(_opened(there))
            held.enter_context(occupancy.alone(writing, there))
            _claim(reading, writing, target)
            return _move(reading, writing, on_step)
    except (SQLAlchemyError, OSError) as error:
        raise translate(error) from error


def ensure_whole(url: str) -> None:
    """Let through a database that no move is filling, and none has left unfinished.

    Raises:
        Conflict: one is, or has.

    """
    if is_in_memory(parse(url)):
        return
    with schema.connected(url) as connection:
        occupancy.ensure_still(connection)
        if connection.scalar(select(installation.c.value).where(installation.c.name == MARK)) is not None:
            raise Conflict(
                "the database is the unfinished target of `holdall move-database`: have it finish, and start then", 0
            )


def _addresses(source: str, target: str) -> tuple[URL, URL]:
    here, there = parse(source), parse(target)
    if is_in_memory(here) or is_in_memory(there):
        raise Conflict("a database in memory cannot be moved", 0)
    if (here.host, here.port, here.database, here.query) == (there.host, there.port, there.database, there.query):
        raise Conflict("the database is there already", 0)
    return here, there


@contextmanager
def _opened(address: URL) -> Iterator[Connection]:
    """One connection, for as long as the move takes."""
    if address.drivername == "sqlite":
        engine = sqlite.make_engine(str(address.database))
    else:
        engine = postgres.make_engine(address, 1, is_for_reading=False, name="holdall move-database")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _frozen(connection: Connection) -> Iterator[None]:
    """Nobody writes, and everything is read as it is now."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.commit()  # of the look at who is there; a transaction's lock goes with it, a session's stays
        connection.execution_options(isolation_level="REPEATABLE READ")
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
        names = ", ".join(_quoted(connection, table) for table in metadata.sorted_tables)
        connection.execute(text(f"LOCK TABLE {names} IN SHARE MODE"))
    try:
        yield
    finally:
        connection.rollback()


# ── whose the target is ──────────────────────────────────────────────────────────────────────────────────────────


def _claim(reading: Connection, writing: Connection, target: str) -> None:
    """Make sure that the target is empty, or was left unfinished by a move of this very source; then mark it."""
    strangers = set(inspect(writing).get_table_names()) - {*metadata.tables, _VERSIONS}
    writing.rollback()
    if strangers:
        raise Conflict(f"the target holds tables of something else, {min(strangers)} for one: give it an empty one", 0)
    schema.migrate(target)
    ours = reading.scalar(select(installation.c.value).where(installation.c.name == _APP_ID)) or ""
    mark = writing.scalar(select(installation.c.value).where(installation.c.name == MARK))
    writing.rollback()
    if mark is None:
        _mark(writing, ours)
    elif mark != ours:
        raise Conflict("the target holds a part of another database: give it an empty one", 0)


def _mark(writing: Connection, ours: str) -> None:
    with _commit(writing):
        filled = [table.name for table in metadata.sorted_tables if writing.scalar(select(exists(select(table))))]
        if filled:
            raise Conflict(f"the target holds data already, {filled[0]} for one: give it an empty database", 0)
        writing.execute(insert(installation), {"name": MARK, "value": ours})


@contextmanager
def _commit(connection: Connection) -> Iterator[None]:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif not connection.in_transaction():
        connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _move(reading: Connection, writing: Connection, on_step: OnStep) -> Moved:
    total = sum(_count(reading, table) for table in metadata.sorted_tables)
    done = copied = 0
    for table in metadata.sorted_tables:
        done += _count(writing, table)
        on_step(f"copying {table.name}", done, total)
        for rows in _batches(_missing(reading, writing, table)):
            _insert(writing, table, rows)
            copied += len(rows)
            done += len(rows)
            on_step(f"copying {table.name}", done, total)
        _tie(reading, writing, table)
        _carry_numbers(reading, writing, table)
    indexes = _carry_indexes(reading, writing)
    tables = _compared(reading, writing, on_step, total)
    with _commit(writing):
        writing.execute(delete(installation).where(installation.c.name == MARK))
    if writing.dialect.name == "postgresql":
        with _commit(writing):
            writing.execute(text("ANALYZE"))  # or its plans are guesses until it comes round by itself
    return Moved(tables, copied, indexes)


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(_is_row(table))) or 0


def _missing(reading: Connection, writing: Connection, table: Table) -> Iterator[Row]:
    """The rows that the target does not have yet, in order."""
    last = writing.execute(_keys(writing, table).limit(1)).first()
    wanted = _rows(reading, table)
    if last is not None:
        columns = _key(reading, table)
        found = [literal(value, column.type) for value, column in zip(last, table.primary_key, strict=True)]
        wanted = wanted.where(tuple_(*columns) > tuple_(*found))
    yield from reading.execute(wanted, execution_options={"yield_per": BATCH})


def _insert(writing: Connection, table: Table, rows: Sequence[Row]) -> None:
    driver: Any = writing.dialect.dbapi
    try:
        with _commit(writing):
            if writing.dialect.name == "postgresql":
                _pour(writing, table, rows)
            else:
                writing.execute(insert(table), _told(table, rows))
    except driver.OperationalError as error:
        raise DatabaseUnavailable(f"{type(error).__name__}: {error}") from error
    except (DataError, IntegrityError, driver.DataError, driver.IntegrityError):
        for row in rows:  # once more one by one: those before the one that does not fit are kept, and it is named
            _insert_one(writing, table, row)


def _insert_one(writing: Connection, table: Table, row: Row) -> None:
    try:
        with _commit(writing):
            writing.execute(insert(table), _told(table, [row]))
    except (DataError, IntegrityError) as error:
        raise _unkept(table, row, error) from error


def _told(table: Table, rows: Sequence[Row]) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    ties = {column.name for column in _own_references(table)}
    return [{name: value for name, value in zip(names, row, strict=True) if name not in ties} for row in rows]


def _pour(writing: Connection, table: Table, rows: Sequence[Row]) -> None:
    """By COPY, with values as the tables' types would bind them: several times as fast as inserting."""
    ties, dialect = _own_references(table), writing.dialect
    places = [place for place, column in enumerate(table.columns) if column not in ties]
    columns = [table.columns[place] for place in places]
    binds = [column.type.dialect_impl(dialect).bind_processor(dialect) or _as_it_is for column in columns]
    names = ", ".join(dialect.identifier_preparer.format_column(column) for column in columns)
    driver: Any = writing.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {_quoted(writing, table)} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([bind(row[place]) for bind, place in zip(binds, places, strict=True)])


def _as_it_is(value: Any) -> Any:
    return value


def _unkept(table: Table, row: Row, error: DBAPIError) -> Conflict:
    key = ", ".join(str(value) for value, column in zip(row, table.columns, strict=True) if column.primary_key)
    reason = str(error.orig).partition("\n")[0]
    return Conflict(f"row {key} of {table.name} cannot be kept in the target ({reason})", 0)


def _tie(reading: Connection, writing: Connection, table: Table) -> None:
    """Let rows refer to others of their own table, now that all are there; whatever their order."""
    for column in _own_references(table):
        key = list(table.primary_key)
        tied = select(*key, column).where(column.is_not(None))
        change = update(table).where(*(each == bindparam(f"of_{each.name}") for each in key))
        for rows in _batches(reading.execute(tied, execution_options={"yield_per": BATCH})):
            told = [
                {f"of_{each.name}": value for each, value in zip(key, row, strict=False)} | {column.name: row[-1]}
                for row in rows
            ]
            with _commit(writing):
                writing.execute(change.values({column.name: bindparam(column.name)}), told)


def _own_references(table: Table) -> list[Any]:
    return [column for column in table.columns if any(key.column.table is table for key in column.foreign_keys)]


def _rows(connection: Connection, table: Table) -> Select[Any]:
    return select(table).where(_is_row(table)).order_by(*_key(connection, table))


def _keys(connection: Connection, table: Table) -> Select[Any]:
    """The keys, last first."""
    descending = [column.desc() for column in _key(connection, table)]
    return select(*table.primary_key).where(_is_row(table)).order_by(*descending)


def _key(connection: Connection, table: Table) -> list[ColumnElement[Any]]:
    """The primary key, ordered alike by both engines: text by its bytes, whatever PostgreSQL's language is."""
    is_told = connection.dialect.name == "postgresql"
    return [
        column.collate("C") if is_told and isinstance(column.type, String) else column for column in table.primary_key
    ]


def _is_row(table: Table) -> ColumnElement[bool]:
    """All but the mark, which is no row of the source."""
    return installation.c.name != MARK if table is installation else true()


# ── what the rows do not show ────────────────────────────────────────────────────────────────────────────────────


def _carry_numbers(reading: Connection, writing: Connection, table: Table) -> None:
    """Have numbers be given out from where they are in the source, which may be beyond the last row."""
    column = table.autoincrement_column
    if column is None:
        return
    last = _last_number(reading, table, column.name)
    with _commit(writing):
        highest = max(last, writing.scalar(select(func.max(column))) or 0)
        if highest:
            _set_number(writing, table, column.name, highest)


def _last_number(connection: Connection, table: Table, column: str) -> int:
    if connection.dialect.name == "sqlite":
        if not table.dialect_options["sqlite"].get("autoincrement"):
            return 0
        return connection.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name}) or 0
    sequence = _sequence(connection, table, column)
    return connection.scalar(text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")) or 0  # noqa: S608  the server's own name


def _set_number(connection: Connection, table: Table, column: str, number: int) -> None:
    told = {"name": table.name, "number": number}
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("SELECT setval(:sequence, :number)"), told | {"sequence": _sequence(connection, table, column)}
        )
    elif table.dialect_options["sqlite"].get("autoincrement"):
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), told)
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"), told)


def _sequence(connection: Connection, table: Table, column: str) -> str:
    named = {"table": _quoted(connection, table), "column": column}
    return str(connection.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), named))


def _carry_indexes(reading: Connection, writing: Connection) -> int:
    """Make the indexes of single fields anew, as the target spells them; how many there were."""
    had = _index_names(reading)
    if not had:
        return 0
    made = 0
    for node, *row in reading.execute(select(fields.c.node_id, *FIELD)):
        field = read_field(row)
        for is_descending, name in enumerate(index_names(node, field)):
            if name in had:
                statement = index_statement(
                    cells_for(writing.dialect.name), node, field, is_descending=bool(is_descending)
                )
                with _commit(writing):
                    writing.execute(text(statement))
                made += 1
    return made


def _index_names(connection: Connection) -> set[str]:
    is_file = connection.dialect.name == "sqlite"
    listed = (
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'records'"
        if is_file
        else "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'records'"
    )
    return {name for (name,) in connection.execute(text(listed)) if name.startswith(INDEX_PREFIX)}


# ── the same on both sides ───────────────────────────────────────────────────────────────────────────────────────


def _compared(reading: Connection, writing: Connection, on_step: OnStep, total: int) -> tuple[TableMoved, ...]:
    tables, done = [], 0
    for table in metadata.sorted_tables:

        def on_rows(rows: int, name: str = table.name, before: int = done) -> None:
            on_step(f"comparing {name}", before + rows, total)

        ours, theirs = _digest(reading, table, on_rows), _digest(writing, table, on_rows)
        if ours != theirs:
            raise Conflict(
                f"{table.name} has {ours[0]} rows, and {theirs[0]} in the target, which are not the same: the source"
                " was written to since the move began, or the target was; begin again with an empty target",
                0,
            )
        tables.append(TableMoved(table.name, *ours))
        done += ours[0]
    on_step("comparing", done, total)
    return tuple(tables)


def _digest(connection: Connection, table: Table, on_rows: Callable[[int], None]) -> tuple[int, str]:
    """How many rows there are, and a digest over them in order, of what they mean and not of how an engine keeps it."""
    documents = [place for place, column in enumerate(table.columns) if isinstance(column.type, JSON)]
    digest, count = hashlib.sha256(), 0
    for found in connection.execute(_rows(connection, table), execution_options={"yield_per": BATCH}):
        if count % BATCH == 0:
            on_rows(count)
        row = list(found)
        for place in documents:
            row[place] = _plain(row[place])
        digest.update(_encode(row))
        count += 1
    return count, digest.hexdigest()


def _plain(value: Any) -> Any:
    """JSON as it is compared: PostgreSQL keeps no order of keys, nor how a number was spelled."""
    match value:
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case float() if value.is_integer():
            return _plain(int(value))
        case int() if abs(value) >= _LARGEST:
            return str(value)
    return value


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rest = iter(rows)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _quoted(connection: Connection, table: Table) -> str:
    return connection.dialect.identifier_preparer.format_table(table)
