"""Nodes and fields, changed after they were made."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, bindparam, delete, func, insert, null, select, text, update

from holdall.adapters.db.codec import encode
from holdall.adapters.db.records import SqlRecords
from holdall.adapters.db.rows import portions
from holdall.adapters.db.spaces import FIELD, NODE, PARENTS, SqlSpaces, read_field, read_node
from holdall.adapters.db.tables import (
    Cells,
    Moment,
    attachments,
    dropped_fields,
    fields,
    history,
    nodes,
    records,
    spaces,
    views,
)
from holdall.domain.access import Space, User
from holdall.domain.fieldtypes import kind_of
from holdall.domain.fieldtypes.kind import Reference
from holdall.domain.records import Database, Field, Node, NodeType
from holdall.domain.structure import Removal
from holdall.ports import Cell, DeletedNode, DroppedField

_HOLD_SPACE = select(spaces.c.id).where(spaces.c.id == bindparam("space_id")).with_for_update(key_share=True)
_HOLD_NODE = (
    select(nodes.c.id)
    .where(nodes.c.public_id == bindparam("id"), nodes.c.space_id == bindparam("space_id"))
    .with_for_update()
)
_DATABASES = (
    select(*NODE, *FIELD)
    .join_from(nodes, PARENTS, nodes.c.parent_id == PARENTS.c.id)
    .outerjoin(fields, fields.c.node_id == nodes.c.id)
    .where(
        nodes.c.space_id == bindparam("space_id"),
        nodes.c.type == NodeType.DATABASE.value,
        nodes.c.deleted_at.is_(None),
    )
    .order_by(nodes.c.id, fields.c.position)
)
_DESCRIBE = (
    update(nodes)
    .where(nodes.c.id == bindparam("node_id"))
    .values(name=bindparam("to_name"), description=bindparam("to_text"))
)
_PLACE = (
    update(nodes)
    .where(nodes.c.id == bindparam("node_id"))
    .values(parent_id=bindparam("to_parent"), position=bindparam("to_place"))
)
_COUNT_RECORDS = (
    select(func.count()).select_from(records).where(records.c.node_id.in_(bindparam("node_ids", expanding=True)))
)
_DELETE = (
    update(nodes)
    .where(nodes.c.id.in_(bindparam("node_ids", expanding=True)))
    .values(deleted_at=bindparam("now"), deleted_with=bindparam("top"))
)
_FIND_DELETED = (
    select(*NODE, nodes.c.deleted_at, nodes.c.deleted_with)
    .outerjoin_from(nodes, PARENTS, nodes.c.parent_id == PARENTS.c.id)
    .where(
        nodes.c.public_id == bindparam("id"),
        nodes.c.space_id == bindparam("space_id"),
        nodes.c.deleted_at.is_not(None),
    )
)
_RESTORE = (
    update(nodes)
    .where(nodes.c.space_id == bindparam("of_space"), nodes.c.deleted_with == bindparam("top"))
    .values(deleted_at=null(), deleted_with=null())
)
_DELETED = (
    select(*NODE)
    .outerjoin_from(nodes, PARENTS, nodes.c.parent_id == PARENTS.c.id)
    .where(text("nodes.deleted_at IS NOT NULL"), nodes.c.deleted_at < bindparam("before"))
    .order_by(nodes.c.deleted_at)
    .limit(bindparam("limit"))
)
_IS_DELETED = select(nodes.c.id).where(nodes.c.id == bindparam("node_id"), nodes.c.deleted_at.is_not(None))
_SOME_RECORDS = (
    select(records.c.id, records.c.public_id)
    .where(records.c.node_id == bindparam("node_id"))
    .order_by(records.c.id)
    .limit(bindparam("limit"))
)
_FORGET_HISTORY = delete(history).where(history.c.record.in_(bindparam("ids", expanding=True)))
_DETACH_ALL = delete(attachments).where(attachments.c.record_id.in_(bindparam("record_ids", expanding=True)))
_FORGET_RECORDS = delete(records).where(records.c.id.in_(bindparam("record_ids", expanding=True)))
_FIELDS = select(*FIELD).where(fields.c.node_id == bindparam("of_node"))
_FORGET_VIEWS = delete(views).where(views.c.node_id == bindparam("of_node"))
_FORGET_FIELDS = delete(fields).where(fields.c.node_id == bindparam("of_node"))
_FORGET_DROPPED = delete(dropped_fields).where(dropped_fields.c.node_id == bindparam("of_node"))
_ORPHAN = update(nodes).where(nodes.c.parent_id == bindparam("of_node")).values(parent_id=null())
_FORGET_NODE = delete(nodes).where(nodes.c.id == bindparam("of_node"))
_CHANGE_FIELD = (
    update(fields)
    .where(fields.c.node_id == bindparam("of_node"), fields.c.public_id == bindparam("of_field"))
    .values(
        name=bindparam("to_name"),
        type=bindparam("to_type"),
        description=bindparam("to_text"),
        properties=bindparam("to_properties"),
    )
)
_PLACE_FIELD = (
    update(fields)
    .where(fields.c.node_id == bindparam("of_node"), fields.c.public_id == bindparam("of_field"))
    .values(position=bindparam("to_place"))
)
_FORGET_FIELD = delete(fields).where(
    fields.c.node_id == bindparam("of_node"), fields.c.public_id == bindparam("of_field")
)
_DETACH_FIELD = delete(attachments).where(
    attachments.c.field == bindparam("of_field"),
    attachments.c.record_id.in_(select(records.c.id).where(records.c.node_id == bindparam("of_node"))),
)
_DROP = insert(dropped_fields)
_TIED = (
    select(records.c.id, records.c.public_id, records.c.revision, null())
    .where(
        records.c.node_id == bindparam("node_id"),
        records.c.id > bindparam("after"),
        select(attachments.c.record_id)
        .where(attachments.c.record_id == records.c.id, attachments.c.field == bindparam("field_id"))
        .correlate(records)
        .exists(),
    )
    .order_by(records.c.id)
    .limit(bindparam("limit"))
)
_DROPPED = (
    select(dropped_fields.c.node_id, dropped_fields.c.field)
    .order_by(dropped_fields.c.dropped_at)
    .limit(bindparam("limit"))
)
_FIND_DROPPED = select(dropped_fields.c.after).where(
    dropped_fields.c.node_id == bindparam("of_node"), dropped_fields.c.field == bindparam("of_field")
)
_STRIPPED = (
    update(dropped_fields)
    .where(dropped_fields.c.node_id == bindparam("of_node"), dropped_fields.c.field == bindparam("of_field"))
    .values(after=bindparam("to_after"))
)
_DONE = delete(dropped_fields).where(
    dropped_fields.c.node_id == bindparam("of_node"), dropped_fields.c.field == bindparam("of_field")
)
# A cell where it stands in the column; a field's id is bound, never spelled into the statement.
_CELL: ColumnElement[Any] = records.c.cells.op("->", return_type=Cells)(bindparam("path", type_=String))
_FILLED = (
    select(records.c.id, records.c.public_id, records.c.revision, _CELL)
    .where(records.c.node_id == bindparam("node_id"), records.c.id > bindparam("after"), _CELL.is_not(null()))
    .order_by(records.c.id)
    .limit(bindparam("limit"))
)
# Each engine sets one key without the rest of the cells having to be sent to and fro. SQLite, in this process, takes
# one row after the other; PostgreSQL, to which each row is a message, all of them in one statement.
_FILL_EACH = """UPDATE records SET cells = json_set(cells, :path, json(:value)),
    revision = revision + 1, updated_at = :now, updated_by = :user_id WHERE id = :number"""
_EMPTY_EACH = """UPDATE records SET cells = json_remove(cells, :path),
    revision = revision + 1, updated_at = :now, updated_by = :user_id WHERE id = :number"""
_REWRITE_ALL = """UPDATE records SET cells =
    CASE WHEN new.value IS NULL THEN cells - CAST(:path AS text)
    ELSE jsonb_set(cells, ARRAY[CAST(:path AS text)], CAST(new.value AS jsonb)) END,
    revision = revision + 1, updated_at = :now, updated_by = :user_id
    FROM unnest(CAST(:numbers AS bigint[]), CAST(:values AS text[])) AS new(number, value)
    WHERE records.id = new.number"""
_STRIP = {
    "sqlite": "UPDATE records SET cells = json_remove(cells, :path) WHERE id IN :record_ids",
    "postgresql": "UPDATE records SET cells = cells - CAST(:path AS text) WHERE id IN :record_ids",
}


class SqlStructure:
    """``ports.Structure`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hold_space(self, space: Space) -> None:
        """Have nobody else change the space's nodes."""
        self._connection.execute(_HOLD_SPACE, {"space_id": space.number})

    def hold_database(self, space: Space, id: str) -> Database | None:
        """The database, held; in a second statement, which sees what those waited for have made of it."""
        self._connection.execute(_HOLD_NODE, {"id": id, "space_id": space.number})
        return SqlSpaces(self._connection).find_database(id, space)

    def databases(self, space: Space) -> list[Database]:
        """Every database of the space, in one statement."""
        rows = self._connection.execute(_DATABASES, {"space_id": space.number}).all()
        found: list[Database] = []
        for _, group in groupby(rows, key=itemgetter(0)):
            columns = [*group]
            known = tuple(read_field(row[len(NODE) :]) for row in columns if row[len(NODE)] is not None)
            found.append(Database(read_node(columns[0][: len(NODE)]), known))
        return found

    def describe_node(self, node: Node, name: str, description: str) -> None:
        """Call a node this."""
        self._connection.execute(_DESCRIBE, {"node_id": node.number, "to_name": name, "to_text": description})

    def place_nodes(self, parent: Node, children: Sequence[Node]) -> None:
        """Have exactly these nodes below ``parent``."""
        rows = [
            {"node_id": node.number, "to_parent": parent.number, "to_place": place}
            for place, node in enumerate(children)
        ]
        if rows:
            self._connection.execute(_PLACE, rows)

    def weigh(self, nodes: Sequence[Node]) -> Removal:
        """What there is in these nodes."""
        numbers = [node.number for node in nodes if node.type is NodeType.DATABASE]
        kept = int(self._connection.scalar(_COUNT_RECORDS, {"node_ids": numbers}) or 0) if numbers else 0
        return Removal(len(nodes), len(numbers), kept)

    def delete_nodes(self, top: Node, nodes: Sequence[Node], now: datetime) -> None:
        """Put nodes out of sight."""
        for numbers in portions([node.number for node in nodes]):
            self._connection.execute(_DELETE, {"node_ids": numbers, "now": now, "top": top.number})

    def find_deleted(self, space: Space, id: str) -> DeletedNode | None:
        """The deleted node of this id."""
        row = self._connection.execute(_FIND_DELETED, {"id": id, "space_id": space.number}).first()
        return None if row is None else DeletedNode(read_node(row[: len(NODE)]), *row[len(NODE) :])

    def restore_nodes(self, top: Node) -> int:
        """Bring back what was deleted with ``top``."""
        return self._connection.execute(_RESTORE, {"of_space": top.space_id, "top": top.number}).rowcount

    def deleted(self, before: datetime, limit: int) -> list[Node]:
        """Nodes deleted before this time."""
        return [read_node(row) for row in self._connection.execute(_DELETED, {"before": before, "limit": limit})]

    def forget_records(self, node: Node, limit: int) -> int:
        """Forget some records of a deleted database."""
        if self._connection.scalar(_IS_DELETED, {"node_id": node.number}) is None:
            return 0
        found = self._connection.execute(_SOME_RECORDS, {"node_id": node.number, "limit": limit}).all()
        if found:
            numbers = [number for number, _ in found]
            self._connection.execute(_DETACH_ALL, {"record_ids": numbers})
            self._connection.execute(_FORGET_HISTORY, {"ids": [id for _, id in found]})
            self._connection.execute(_FORGET_RECORDS, {"record_ids": numbers})
        return len(found)

    def forget_node(self, node: Node) -> None:
        """Forget a deleted node without records."""
        which = {"of_node": node.number}
        if self._connection.scalar(_IS_DELETED, {"node_id": node.number}) is None:
            return
        known = tuple(read_field(row) for row in self._connection.execute(_FIELDS, which))
        for field in known:
            SqlRecords(self._connection).drop_index(Database(node, known), field)
        for statement in (_FORGET_VIEWS, _FORGET_FIELDS, _FORGET_DROPPED, _ORPHAN, _FORGET_NODE):
            self._connection.execute(statement, which)

    def change_field(self, database: Database, field: Field) -> None:
        """Keep what ``field`` says."""
        row = {
            "of_node": database.node.number,
            "of_field": field.id,
            "to_name": field.name,
            "to_type": field.type.value,
            "to_text": field.description,
            "to_properties": dict(field.properties),
        }
        self._connection.execute(_CHANGE_FIELD, row)

    def order_fields(self, database: Database, ids: Sequence[str]) -> None:
        """Have the fields in this order."""
        number = database.node.number
        rows = [{"of_node": number, "of_field": id, "to_place": place} for place, id in enumerate(ids)]
        self._connection.execute(_PLACE_FIELD, rows)

    def drop_field(self, database: Database, field: Field, now: datetime) -> None:
        """Forget a field; of attachment fields nothing stands in cells."""
        which = {"of_node": database.node.number, "of_field": field.id}
        self._connection.execute(_FORGET_FIELD, which)
        SqlRecords(self._connection).drop_index(database, field)
        if kind_of(field).refers_to is Reference.UPLOADS:
            self.detach_field(database, field)
            return
        row = {"node_id": database.node.number, "field": field.id, "after": 0, "dropped_at": now}
        self._connection.execute(_DROP, row)

    def detach_field(self, database: Database, field: Field) -> None:
        """Let go of the files that hang in a field, deleted ones too."""
        self._connection.execute(_DETACH_FIELD, {"of_node": database.node.number, "of_field": field.id})

    def cells(self, node_number: int, field: Field, *, after: int = 0, limit: int) -> list[Cell]:
        """What records have in this field."""
        which = {"node_id": node_number, "after": after, "limit": limit}
        if kind_of(field).refers_to is Reference.UPLOADS:
            rows = self._connection.execute(_TIED, {**which, "field_id": field.id})
        else:
            rows = self._connection.execute(_FILLED, {**which, "path": self._path(field.id)})
        return [Cell(*row) for row in rows]

    def rewrite(self, field: Field, values: Sequence[tuple[Cell, Any]], user: User, now: datetime) -> None:
        """Put other stored forms in these cells."""
        alike = {"path": self._path(field.id), "now": now, "user_id": user.number}
        if self._connection.dialect.name == "postgresql":
            numbers = [cell.number for cell, _ in values]
            texts = [None if value is None else encode(value) for _, value in values]
            self._run(_REWRITE_ALL, {**alike, "numbers": numbers, "values": texts})
            return
        filled = [
            {**alike, "number": cell.number, "value": encode(value)} for cell, value in values if value is not None
        ]
        emptied = [{**alike, "number": cell.number} for cell, value in values if value is None]
        for statement, rows in ((_FILL_EACH, filled), (_EMPTY_EACH, emptied)):
            if rows:
                self._run(statement, rows)

    def _run(self, statement: str, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        self._connection.execute(text(statement).bindparams(bindparam("now", type_=Moment)), rows)

    def dropped(self, limit: int) -> list[DroppedField]:
        """Some fields whose values are yet to be stripped."""
        return [DroppedField(*row) for row in self._connection.execute(_DROPPED, {"limit": limit})]

    def strip(self, dropped: DroppedField, limit: int) -> bool:
        """Strip values from some records, and remember how far it has come."""
        which = {"of_node": dropped.node_number, "of_field": dropped.field_id}
        after = self._connection.scalar(_FIND_DROPPED, which)
        if after is None:
            return False
        asked = {"node_id": dropped.node_number, "after": after, "limit": limit, "path": self._path(dropped.field_id)}
        numbers = [row[0] for row in self._connection.execute(_FILLED, asked)]
        if not numbers:
            self._connection.execute(_DONE, which)
            return False
        statement = text(_STRIP[self._connection.dialect.name]).bindparams(bindparam("record_ids", expanding=True))
        self._connection.execute(statement, {"path": asked["path"], "record_ids": numbers})
        self._connection.execute(_STRIPPED, {**which, "to_after": numbers[-1]})
        return True

    def _path(self, field_id: str) -> str:
        """Where a field's cells stand in the column, as each engine is told."""
        return field_id if self._connection.dialect.name == "postgresql" else f'$."{field_id}"'
