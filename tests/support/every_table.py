"""A database with rows in every table: of every type, of every length that matters, referring to each other."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Connection, String, Table, delete, insert, text

from holdall.adapters.db.tables import Moment, installation, metadata

MOMENT = datetime(2026, 11, 22, 14, 30, 0, 123456, tzinfo=UTC)
TEXTS = ("plain", "", "Größe – 尺寸 🧾", 'it\'s "quoted"\n\ttwice', "Zebra", "zebra", "ähnlich")
DOCUMENT: dict[str, Any] = {
    "zz": 1.0,
    "a": [1, "two", None, True, 2.5, {"deep": "–"}],
    "large": 10**18,
    "tiny": 1e-7,
    "huge": 1e22,
    "": "",
}
"""Keys that are not in order, and numbers that engines spell in different ways."""


def fill_every_table(connection: Connection, rows: int = 7) -> None:
    """Put rows into each table, by its columns' types; the last of those that are numbered is taken away again."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    for table in metadata.sorted_tables:
        connection.execute(insert(table), [_row(table, number) for number in range(1, rows + 1)])
    # What is referred to is kept; of these, nothing is: their last number was given out, and shall not be again.
    for table in (metadata.tables["rescans"], metadata.tables["deliveries"]):
        connection.execute(delete(table).where(table.c.id == rows))


def _row(table: Table, number: int) -> dict[str, Any]:
    return {column.name: _value(table, column, number) for column in table.columns}


def _value(table: Table, column: Any, number: int) -> Any:  # noqa: C901, PLR0911  one case each
    if table is installation and column.name == "name":
        return "app_id" if number == 1 else f"{TEXTS[number % len(TEXTS)]}-{number}"
    if any(key.column.table is table for key in column.foreign_keys):
        return number % 7 + 1  # to a later row too
    if column.foreign_keys or (column.primary_key and not isinstance(column.type, String)):
        return number
    if column.nullable and number % 3 == 0:
        return None
    match column.type:
        case Moment():
            return MOMENT + timedelta(microseconds=number)
        case JSON():
            return DOCUMENT | {"number": number}
        case Boolean():
            if column.name == "is_finished":
                return number != 2
            return column.name != "is_personal" and bool(number % 2)
        case BigInteger():
            return (1 << 62) + number
        case String():
            return f"{TEXTS[number % len(TEXTS)]}{number}"
    return number


def next_number(connection: Connection, table: str) -> int:
    """The number that the table's next row would be given."""
    if connection.dialect.name == "sqlite":
        return int(connection.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = :t"), {"t": table}) or 0) + 1
    return int(connection.scalar(text("SELECT nextval(pg_get_serial_sequence(:t, 'id'))"), {"t": table}))
