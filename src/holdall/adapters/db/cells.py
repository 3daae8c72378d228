"""Cells in SQL: how each engine reaches into the JSON column, spelled the same in statements and in indexes.

An index on an expression serves only where the statement spells the very same expression, so the ids of fields and the
numbers of databases stand in the text. They are ours; whatever comes from a client is a bound parameter.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Integer,
    String,
    and_,
    case,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, array

from holdall.adapters.db.tables import attachments, records, uploads
from holdall.domain.conditions import TEXT_KEY_LENGTH, Shape, shape_of
from holdall.domain.records import Field

Expression = ColumnElement[Any]
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PLAIN = re.compile(r"[A-Za-z0-9 _.@:-]{3,40}")
"""Text that JSON spells as it is, whoever writes it, and that is long enough to be rare."""
INDEX_PREFIX = "ix_cell_"
"""How the name of every index of one field begins."""


def safe_id(field: Field) -> str:
    """The field's id, which is going to stand in the text of a statement.

    Raises:
        ValueError: it holds something else than ids of ours do.

    """
    if not _SAFE_ID.fullmatch(field.id):
        raise ValueError(field.id)
    return field.id


class SqliteCells:
    """``json_extract`` gives numbers, text, and 1 or 0, as they are compared."""

    contains = "instr"
    """The function that tells where a text stands in another, from 1; 0 for nowhere."""

    def path(self, field: Field) -> str:
        """Where the cell stands in the column."""
        return f"""'$."{safe_id(field)}"'"""

    def text_of(self, field: Field) -> str:
        """The spelling of a cell as text, or as the number that it is."""
        return f"json_extract(cells, {self.path(field)})"

    number_of = text_of

    def key_of(self, field: Field) -> str:
        """The spelling of what the field is sorted by; of selects, of their option."""
        cell = self.text_of(field)
        match shape_of(field):
            case Shape.TEXT:
                return f"substr({cell}, 1, {TEXT_KEY_LENGTH})"
            case Shape.TRUTH:
                return f"coalesce({cell}, 0)"
            case Shape.IDS:
                return f"json_array_length(cells, {self.path(field)})"
            case _:
                return cell

    def mentions(self, values: Iterable[str]) -> list[Expression]:
        """What is true of every record with one of these in some cell; nothing where that cannot be told.

        A look at the whole column as text costs a third of reading it as JSON, which most records are spared.
        """
        plain = [max(_PLAIN.findall(value), key=len, default="") for value in values]
        column = literal_column("cells", String)
        return [or_(*(column.op("GLOB", is_comparison=True)(f"*{each}*") for each in plain))] if all(plain) else []

    def text(self, field: Field) -> Expression:
        """The cell as text."""
        return literal_column(self.text_of(field), String)

    def number(self, field: Field) -> Expression:
        """The cell as a number."""
        return literal_column(self.number_of(field), Float)

    def number_value(self, value: float) -> Expression:
        """A number to compare it with."""
        return literal(value, BigInteger() if isinstance(value, int) else Float())

    def is_true(self, field: Field) -> Expression:
        """The box is checked."""
        return literal_column(self.text_of(field), Integer) == 1

    def first(self, field: Field) -> Expression:
        """The first of a list."""
        return literal_column(f"""json_extract(cells, '$."{safe_id(field)}"[0]')""", String)

    def is_set(self, field: Field, ids: Iterable[str]) -> Expression:
        """The list holds these and nothing else."""
        wanted = sorted(ids)
        items = self._items(field)
        found = select(func.count()).select_from(items).where(items.c.value.in_(wanted)).scalar_subquery()
        length = literal_column(f"json_array_length(cells, {self.path(field)})", Integer)
        return and_(length == len(wanted), found == len(wanted))

    def has_any(self, field: Field, ids: Iterable[str]) -> Expression:
        """The list holds one of these."""
        items = self._items(field)
        return exists(select(literal_column("1")).select_from(items).where(items.c.value.in_(sorted(ids))))

    def _items(self, field: Field) -> Any:
        return func.json_each(literal_column("cells"), literal_column(self.path(field))).table_valued(
            "value", name="items"
        )


class PostgresCells(SqliteCells):
    """``jsonb`` compares numbers as numbers and needs no cast, which a cell of another type would break."""

    contains = "strpos"

    def mentions(self, _values: Iterable[str]) -> list[Expression]:
        """Nothing: the column is kept in a form that is quick to reach into, and not as text."""
        return []

    def path(self, field: Field) -> str:
        """Where the cell stands in the column."""
        return f"'{safe_id(field)}'"

    def text_of(self, field: Field) -> str:
        """By code point, as in SQLite, whatever the server's language."""
        return f"""((cells ->> {self.path(field)}) COLLATE "C")"""

    def number_of(self, field: Field) -> str:
        """The number as JSON."""
        return f"(cells -> {self.path(field)})"

    def key_of(self, field: Field) -> str:
        """The spelling of what the field is sorted by; of selects, of their option."""
        path = self.path(field)
        match shape_of(field):
            case Shape.TEXT:
                return f"""(substr(cells ->> {path}, 1, {TEXT_KEY_LENGTH}) COLLATE "C")"""
            case Shape.NUMBER:
                return self.number_of(field)
            case Shape.TRUTH:
                return f"(((cells ->> {path}) IS NOT DISTINCT FROM 'true')::int)"
            case Shape.IDS:
                cell = f"cells -> {path}"
                return f"(CASE WHEN jsonb_typeof({cell}) = 'array' THEN jsonb_array_length({cell}) END)"
            case _:
                return self.text_of(field)

    def number(self, field: Field) -> Expression:
        """The cell as JSON."""
        return literal_column(self.number_of(field), JSONB)

    def number_value(self, value: float) -> Expression:
        """A number to compare it with."""
        return literal(value, JSONB())

    def is_true(self, field: Field) -> Expression:
        """The box is checked."""
        return literal_column(f"(cells ->> {self.path(field)})", String) == "true"

    def first(self, field: Field) -> Expression:
        """The first of a list."""
        return literal_column(f"(cells -> {self.path(field)} ->> 0)", String)

    def is_set(self, field: Field, ids: Iterable[str]) -> Expression:
        """The list holds these and nothing else."""
        cell: Any = literal_column(self.number_of(field), JSONB)
        wanted = literal(sorted(ids), JSONB())
        return and_(cell.contains(wanted), cell.contained_by(wanted))

    def has_any(self, field: Field, ids: Iterable[str]) -> Expression:
        """The list holds one of these."""
        cell: Any = literal_column(self.number_of(field), JSONB)
        return cell.has_any(array(sorted(ids), type_=String))  # type: ignore[no-any-return]


def cells_for(dialect: str) -> SqliteCells:
    """Cells as the engine of this name reaches them."""
    return PostgresCells() if dialect == "postgresql" else SqliteCells()


def key(cells: SqliteCells, field: Field) -> Expression:  # noqa: PLR0911  one case each
    """What the field is sorted by; null for an empty cell."""
    match shape_of(field):
        case Shape.NUMBER:
            return cells.number(field)
        case Shape.TRUTH | Shape.IDS:
            return literal_column(cells.key_of(field), Integer)
        case Shape.OPTION:
            return _place(field, cells.text(field))
        case Shape.OPTIONS:
            return _place(field, cells.first(field))
        case Shape.CREATED:
            return records.c.created_at
        case Shape.MODIFIED:
            return records.c.updated_at
        case Shape.CREATOR:
            return records.c.created_by
        case Shape.MODIFIER:
            return records.c.updated_by
        case Shape.FILES:
            return func.nullif(file_count(field), 0, type_=Integer)
        case _:
            return literal_column(cells.key_of(field), String)


def file_count(field: Field) -> Expression:
    """How many files hang on the cell."""
    files = attachments.join(uploads, attachments.c.upload_id == uploads.c.id)
    return select(func.count()).select_from(files).where(hanging_on(field)).correlate(records).scalar_subquery()


def hanging_on(field: Field) -> ColumnElement[bool]:
    """Which files hang on the cell; those that are deleted are out of sight."""
    return and_(
        attachments.c.record_id == records.c.id, attachments.c.field == field.id, uploads.c.deleted_at.is_(None)
    )


def index_statement(cells: SqliteCells, node: int, field: Field, *, is_descending: bool) -> str:
    """What makes an index of one field of one database, upwards or downwards; ties go upwards in both."""
    match shape_of(field):
        case Shape.CREATED:
            spelled = "created_at"
        case Shape.MODIFIED:
            spelled = "updated_at"
        case Shape.OPTION:
            spelled = cells.text_of(field)
        case _:
            spelled = cells.key_of(field)
    name, order = index_names(node, field)[is_descending], " DESC" if is_descending else ""
    return f"CREATE INDEX IF NOT EXISTS {name} ON records (node_id, {spelled}{order}, id) WHERE node_id = {node:d}"


def index_names(node: int, field: Field) -> tuple[str, str]:
    """What they are called: ids of fields are told apart by case, which names of indexes in SQLite are not."""
    mark = hashlib.sha256(field.id.encode()).hexdigest()[:16]
    return f"{INDEX_PREFIX}{node:d}_{mark}_up", f"{INDEX_PREFIX}{node:d}_{mark}_down"


def _place(field: Field, option: Expression) -> Expression:
    """The option's place among all; an option that is gone has none."""
    places = [(option == known.id, place) for place, known in enumerate(field.options)]
    return case(*places, else_=null()) if places else literal_column("CAST(NULL AS INTEGER)", Integer)
