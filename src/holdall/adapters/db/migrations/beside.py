"""Changes of large tables while others write to them.

``schema.migrate`` says by ``beside_others`` whether there are any: on PostgreSQL, unless the database is empty. SQLite
has one writer anyway, and an empty database none.

What is done here is done for good before the revision ends, so that a revision which is killed finds it done already
when it runs again. A revision uses these first of all, or after ``add_column`` of this module; the rest of it is one
transaction with its number.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op

BATCH = 1000
"""Rows that one ``UPDATE`` holds: milliseconds."""


def add_column(table: str, column: "sa.Column[Any]") -> None:
    """Add a column that has no default, or a constant one: neither has PostgreSQL write the table anew."""
    op.add_column(table, column, if_not_exists=_are_there_others() or None)


def create_index(name: str, table: str, columns: Sequence[str], **options: Any) -> None:
    """Make an index while others write."""
    if not _are_there_others():
        op.create_index(name, table, columns, **options)
        return
    with _out_of_transaction() as connection:
        if connection.scalar(_IS_BROKEN, {"name": name}):  # begun by a run that was killed, and of no use
            op.drop_index(name, table, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, if_not_exists=True, **options)


def update(table: str, assignment: str, where: str) -> None:
    """Change rows, a few at a time. What was changed must not meet the condition any more."""
    statement = f"UPDATE {table} SET {assignment} WHERE {where}"  # noqa: S608  constants of revisions
    if not _are_there_others():
        op.execute(statement)
        return
    with _out_of_transaction() as connection:
        last = connection.scalar(sa.text(f"SELECT max(id) FROM {table}")) or 0  # noqa: S608  as above
        for start in range(0, last, BATCH):
            connection.execute(sa.text(f"{statement} AND id > {start} AND id <= {start + BATCH}"))


_IS_BROKEN = sa.text(
    "SELECT EXISTS (SELECT FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
    "WHERE relname = :name AND relnamespace = current_schema()::regnamespace AND NOT indisvalid)"
)


def _are_there_others() -> bool:
    return bool(op.get_context().opts["beside_others"])


@contextmanager
def _out_of_transaction() -> Iterator[sa.Connection]:
    """Each statement for itself, and as patient as it likes: while it waits it is in nobody's way."""
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        patience = connection.scalar(sa.text("SHOW lock_timeout"))
        connection.execute(sa.text("SET lock_timeout = 0"))
        yield connection
        connection.execute(sa.text(f"SET lock_timeout = '{patience}'"))
