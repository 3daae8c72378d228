"""Which schema a database has, and how to bring it to this version's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from holdall.adapters.db import sqlite
from holdall.adapters.db.engine import is_in_memory, parse
from holdall.adapters.db.faults import translate
from holdall.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0018"
"""The newest revision in ``migrations/versions``."""
_VERSIONS = "alembic_version"
_LOCK = 0x686F6C64616C6C
"""PostgreSQL's advisory locks are numbers; this one spells ``holdall``."""


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


def migrate(url: str) -> None:
    """Bring the database to ``HEAD`` in one transaction. Safe to repeat, and for two to do at once.

    A database in memory is left alone: its tables come with its connection.

    Raises:
        DatabaseUnavailable: nothing was changed.

    """
    if is_in_memory(parse(url)) or current(url) == HEAD:
        return
    # Imported here, since it takes longer than all else at start-up and is hardly ever needed.
    from alembic import command  # noqa: PLC0415

    with connected(url) as connection:
        _begin_alone(connection)
        command.upgrade(config(connection), HEAD)
        _ensure_whole(connection)
        connection.commit()


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


def config(connection: Connection) -> "Config":
    """Alembic's configuration for work on this connection; there is no ``alembic.ini``."""
    from alembic.config import Config  # noqa: PLC0415  as in ``migrate``

    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return made


def _begin_alone(connection: Connection) -> None:
    """Hold off every other migration; whoever waited finds the work done."""
    if connection.dialect.name == "sqlite":
        # A change that rebuilds a table would otherwise cascade into those that refer to it.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _ensure_whole(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise DatabaseUnavailable("the migration would leave rows that refer to nothing")
