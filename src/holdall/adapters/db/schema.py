"""Which schema a database has, and how to bring it to this version's."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from holdall.adapters.db import sqlite
from holdall.adapters.db.engine import is_in_memory, parse
from holdall.adapters.db.faults import translate
from holdall.errors import Conflict, DatabaseUnavailable

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0018"
"""The newest revision in ``migrations/versions``."""
_VERSIONS = "alembic_version"
_LOCK = 0x686F6C64616C6C
"""PostgreSQL's advisory locks are numbers; this one spells ``holdall``."""
_POLL_SECONDS = 0.1
PATIENCE = "1s"
"""How long a change waits for its turn at a table on PostgreSQL. Everybody who comes later waits behind it."""
TURNS = 600
"""So many times it asks anew, with a short pause between, before it is given up."""
_NOT_ITS_TURN = {"55P03", "40P01"}
"""A lock that was not to be had in time, or that two wanted of each other."""


def current(url: str) -> str | None:
    """The revision that the database is at; ``None`` where it is empty. A missing file is not made."""
    address = parse(url)
    if address.drivername == "sqlite" and not Path(address.database or "").is_file():
        return None
    with connected(url) as connection:
        if not inspect(connection).has_table(_VERSIONS):
            return None
        revision: str | None = connection.scalar(text(f"SELECT version_num FROM {_VERSIONS}"))  # noqa: S608  constant
        return revision


def is_known(revision: str) -> bool:
    """Whether this version has the revision; it has all that were ever released, and so a stranger is newer."""
    return any((Path(__file__).with_name("migrations") / "versions").glob(f"r{revision}_*.py"))


def migrate(url: str) -> None:
    """Bring the database to ``HEAD``. Safe to repeat, after a kill at any moment too, and for two to do at once.

    It is one transaction where the database is empty, and always on SQLite. With rows on PostgreSQL each revision is
    one of its own, so that no table is held for longer than its own change takes; see ``migrations.beside``.
    A database in memory is left alone: its tables come with its connection.

    Raises:
        Conflict: the database is of a newer version; it is left alone.
        DatabaseUnavailable: nothing was changed, or whole revisions were.

    """
    if is_in_memory(parse(url)) or (found := current(url)) == HEAD:
        return
    _ensure_known(found)
    # Imported here, since it takes longer than all else at start-up and is hardly ever needed.
    from alembic import command  # noqa: PLC0415

    with connected(url) as connection:
        _begin_alone(connection)
        if found and connection.dialect.name != "sqlite":
            _upgrade_beside_others(connection)
            return
        if not connection.in_transaction():
            connection.begin()  # which Alembic then leaves to us
        command.upgrade(config(connection), HEAD)
        _ensure_whole(connection)
        connection.commit()


def _ensure_known(revision: str | None) -> None:
    """Refuse what a newer version left: an older one would not see what its tables mean."""
    if revision and not is_known(revision):
        raise Conflict(
            f"the database is of a newer version of Holdall: its schema is {revision}, and this version knows "
            f"those up to {HEAD}. Nothing was changed. Start the newer version again, or restore a backup that was "
            "made before the upgrade"
        )


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect for as long as the schema is looked at or changed; nothing is kept without a ``commit``."""
    address = parse(url)
    try:
        if address.drivername == "sqlite":
            engine = sqlite.make_engine(str(address.database))
        else:
            engine = create_engine(address, poolclass=NullPool)
        with engine.connect() as connection:
            yield connection
    except (SQLAlchemyError, OSError) as error:
        raise translate(error) from error


def config(connection: Connection, *, beside_others: bool = False) -> "Config":
    """Alembic's configuration for work on this connection; there is no ``alembic.ini``."""
    from alembic.config import Config  # noqa: PLC0415  as in ``migrate``

    made = Config(attributes={"connection": connection, "beside_others": beside_others})
    made.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return made


def _begin_alone(connection: Connection) -> None:
    """Hold off every other migration; whoever waited finds the work done."""
    if connection.dialect.name == "sqlite":
        # A change that rebuilds a table would otherwise cascade into those that refer to it.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    # Asked again and again: who waits within a statement would itself be waited for by an index made concurrently.
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
        connection.rollback()
        time.sleep(_POLL_SECONDS)
    connection.commit()  # the lock is the connection's, and ends with it


def _upgrade_beside_others(connection: Connection) -> None:
    """Revision by revision, never at the head of a queue for long: a change that does not get its turn steps back."""
    from alembic import command  # noqa: PLC0415  as in ``migrate``

    for turns_left in reversed(range(TURNS)):
        connection.exec_driver_sql(f"SET lock_timeout = '{PATIENCE}'")  # each time: an index that failed left it off
        connection.commit()
        try:
            command.upgrade(config(connection, beside_others=True), HEAD)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in _NOT_ITS_TURN or not turns_left:
                raise
            connection.rollback()
            time.sleep(_POLL_SECONDS)
        else:
            return


def _ensure_whole(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise DatabaseUnavailable("the migration would leave rows that refer to nothing")
