"""What every repository does alike: insert a row and learn its number; ask for many keys, a portion at a time."""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Insert

T = TypeVar("T")
PORTION = 10_000
"""Keys in one statement; SQLite takes 32,766 parameters, PostgreSQL 65,535."""


def insert_row(connection: Connection, statement: Insert, row: Mapping[str, Any]) -> int:
    """Insert one row; return the number that the database gave it."""
    key = connection.execute(statement, row).inserted_primary_key
    assert key is not None  # noqa: S101  for the type checker: only many rows at once have no key
    number: int = key[0]
    return number


def portions(keys: Collection[T]) -> Iterator[list[T]]:
    """The keys, as many at a time as fit into one statement; none at all for no keys."""
    rest = iter(keys)
    while portion := list(islice(rest, PORTION)):
        yield portion
