"""The one thing that every repository does alike: insert a row and learn its number."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Insert


def insert_row(connection: Connection, statement: Insert, row: Mapping[str, Any]) -> int:
    """Insert one row; return the number that the database gave it."""
    key = connection.execute(statement, row).inserted_primary_key
    assert key is not None  # noqa: S101  for the type checker: only many rows at once have no key
    number: int = key[0]
    return number
