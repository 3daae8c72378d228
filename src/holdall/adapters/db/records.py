"""Records and what hangs on them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update

from holdall.adapters.db.cells import cells_for, index_names, index_statement
from holdall.adapters.db.files import UPLOAD, read_upload
from holdall.adapters.db.listing import Listing
from holdall.adapters.db.rows import portions
from holdall.adapters.db.tables import attachments, blobs, fields, nodes, records, uploads, variants
from holdall.domain.access import User
from holdall.domain.conditions import Position, Question
from holdall.domain.files import Attachment, Upload
from holdall.domain.records import Database, Field, FieldType, Record
from holdall.errors import Missing
from holdall.ports import AttachmentChange, FoundRecords, NewRecord, RecordChange, Use

_RECORD = (
    records.c.id,
    records.c.public_id,
    records.c.revision,
    records.c.cells,
    records.c.created_at,
    records.c.updated_at,
    records.c.created_by,
    records.c.updated_by,
)
_FIND = select(*_RECORD).where(records.c.public_id == bindparam("id"), records.c.node_id == bindparam("node_id"))
_FIND_FOR_UPDATE = _FIND.with_for_update()
# In one order for all, so that of two callers none waits for the other.
_FIND_ALL = (
    select(*_RECORD)
    .where(records.c.public_id.in_(bindparam("ids", expanding=True)), records.c.node_id == bindparam("node_id"))
    .order_by(records.c.id)
)
_FIND_ALL_FOR_UPDATE = _FIND_ALL.with_for_update()
_PRESENT = (
    select(records.c.public_id)
    .join_from(records, nodes, records.c.node_id == nodes.c.id)
    .where(
        records.c.public_id.in_(bindparam("ids", expanding=True)),
        nodes.c.public_id == bindparam("database_id"),
        nodes.c.space_id == bindparam("space_id"),
        nodes.c.deleted_at.is_(None),
    )
)
_PAGE = (
    select(*_RECORD)
    .where(records.c.node_id == bindparam("node_id"), records.c.id > bindparam("after"))
    .order_by(records.c.id)
    .limit(bindparam("limit"))
    .offset(bindparam("skip"))
)
_COUNT = select(func.count()).select_from(records).where(records.c.node_id == bindparam("node_id"))
_ADD_ALL = insert(records).returning(records.c.id, records.c.public_id)
_CHANGE = (
    update(records)
    .where(records.c.id == bindparam("record_id"))
    .values(
        cells=bindparam("new_cells"),
        revision=bindparam("new_revision"),
        updated_at=bindparam("now"),
        updated_by=bindparam("user_id"),
    )
)
_REMOVE_ALL = delete(records).where(records.c.id.in_(bindparam("record_ids", expanding=True)))
_TAKE_NUMBERS = (
    update(fields)
    .where(fields.c.node_id == bindparam("of_node"), fields.c.type == FieldType.AUTO_NUMBER.value)
    .values(last_number=fields.c.last_number + bindparam("count"))
    .returning(fields.c.public_id, fields.c.last_number)
)
_TIES = (
    select(attachments.c.record_id, attachments.c.field, attachments.c.name, attachments.c.position, *UPLOAD)
    .join_from(attachments, uploads, attachments.c.upload_id == uploads.c.id)
    .join(blobs, uploads.c.blob_id == blobs.c.id)
    .outerjoin(variants, variants.c.blob_id == blobs.c.id)
    .order_by(attachments.c.record_id, attachments.c.field, attachments.c.position, variants.c.id)
)
_ATTACHMENTS = _TIES.where(
    attachments.c.record_id.in_(bindparam("record_ids", expanding=True)), uploads.c.deleted_at.is_(None)
)
_HANGING = _TIES.where(attachments.c.record_id == bindparam("of_record"), attachments.c.field == bindparam("of_field"))
_DETACH = delete(attachments).where(
    attachments.c.record_id == bindparam("of_record"), attachments.c.field == bindparam("of_field")
)
_DETACH_ALL = delete(attachments).where(attachments.c.record_id.in_(bindparam("record_ids", expanding=True)))
_ATTACH = insert(attachments)
_USES = (
    select(nodes.c.public_id, records.c.public_id, attachments.c.field, attachments.c.name)
    .join_from(attachments, records, attachments.c.record_id == records.c.id)
    .join(nodes, records.c.node_id == nodes.c.id)
    .where(attachments.c.upload_id == bindparam("upload_id"))
    .order_by(records.c.id, attachments.c.field, attachments.c.position)
    .limit(bindparam("limit"))
)
_PLACE = attrgetter("field_id", "position")


class SqlRecords:
    """``ports.Records`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        database: Database,
        id: str,
        cells: Mapping[str, Any],
        attachments: Sequence[AttachmentChange],
        user: User,
        now: datetime,
    ) -> Record:
        """As ``add_all``, for one."""
        return self.add_all(database, [NewRecord(id, cells, attachments)], user, now)[0]

    def add_all(self, database: Database, new: Sequence[NewRecord], user: User, now: datetime) -> list[Record]:
        """Keep new records, revision 0, with what hangs on them."""
        rows = [_new_row(database, each, user, now) for each in new]
        numbers = {id: number for number, id in self._connection.execute(_ADD_ALL, rows)}
        ties = self._attach([(numbers[each.id], each.attachments) for each in new])
        return [
            Record(
                number=numbers[each.id],
                id=each.id,
                database_id=database.node.id,
                revision=0,
                cells=each.cells,
                created_at=now,
                updated_at=now,
                created_by=user.number,
                updated_by=user.number,
                attachments=tuple(ties.get(numbers[each.id], ())),
            )
            for each in new
        ]

    def take_numbers(self, database: Database, count: int) -> dict[str, int]:
        """So many numbers in a row for each field that numbers records."""
        rows = self._connection.execute(_TAKE_NUMBERS, {"of_node": database.node.number, "count": count})
        return {field_id: last - count + 1 for field_id, last in rows}

    def find(self, database: Database, id: str, *, for_update: bool = False) -> Record | None:
        """The record with its attachments."""
        statement = _FIND_FOR_UPDATE if for_update else _FIND
        rows = self._connection.execute(statement, {"id": id, "node_id": database.node.number}).all()
        return next(iter(self._with_attachments(database, rows)), None)

    def find_all(self, database: Database, ids: Sequence[str], *, for_update: bool = False) -> dict[str, Record]:
        """Those of these records that the database has."""
        statement = _FIND_ALL_FOR_UPDATE if for_update else _FIND_ALL
        found: list[Record] = []
        for portion in portions(ids):
            rows = self._connection.execute(statement, {"ids": portion, "node_id": database.node.number}).all()
            found += self._with_attachments(database, rows)
        return {record.id: record for record in sorted(found, key=attrgetter("number"))}

    def present(self, space_id: int, database_id: str, ids: Sequence[str]) -> set[str]:
        """Those of ``ids`` that are records of this database of this space."""
        parameters = {"ids": list(ids), "database_id": database_id, "space_id": space_id}
        return set(self._connection.scalars(_PRESENT, parameters))

    def change(
        self,
        record: Record,
        cells: Mapping[str, Any],
        attachments: Sequence[AttachmentChange],
        user: User,
        now: datetime,
    ) -> Record:
        """As ``change_all``, for one."""
        return self.change_all([RecordChange(record, cells, attachments)], user, now)[0]

    def change_all(self, changes: Sequence[RecordChange], user: User, now: datetime) -> list[Record]:
        """Replace each record's cells and its named attachment cells; ``Missing`` when one is gone."""
        rows = [_changed_row(change, user, now) for change in changes]
        if self._connection.execute(_CHANGE, rows).rowcount < len(rows):
            raise Missing("record", changes[0].record.id)
        self._detach(changes)
        ties = self._attach([(change.record.number, change.attachments) for change in changes])
        return [
            replace(
                change.record,
                revision=change.record.revision + 1,
                cells=change.cells,
                updated_at=now,
                updated_by=user.number,
                attachments=_retied(change, ties.get(change.record.number, ())),
            )
            for change in changes
        ]

    def remove_all(self, records: Sequence[Record]) -> None:
        """Forget records, and let go of what hangs on them."""
        parameters = {"record_ids": [record.number for record in records]}
        self._connection.execute(_DETACH_ALL, parameters)
        self._connection.execute(_REMOVE_ALL, parameters)

    def page(self, database: Database, *, after: int = 0, skip: int = 0, limit: int) -> list[Record]:
        """Records in order of creation, with attachments, in two statements however many they are."""
        parameters = {"node_id": database.node.number, "after": after, "skip": skip, "limit": limit}
        return self._with_attachments(database, self._connection.execute(_PAGE, parameters).all())

    def count(self, database: Database) -> int:
        """How many records the database has."""
        return int(self._connection.scalar(_COUNT, {"node_id": database.node.number}) or 0)

    def search(
        self, database: Database, question: Question, *, after: Position | None = None, skip: int = 0, limit: int
    ) -> FoundRecords:
        """The records asked for, in two statements and at most two more for each key, however many they are."""
        if question.where is None and not question.sorts:
            page = self.page(database, after=after.number if after else 0, skip=skip, limit=limit)
            return FoundRecords(page, [Position(record.number) for record in page])
        listing = self._listing(database, question)
        rows: list[Sequence[Any]] = []
        for segment in listing.segments(after):
            bounds = {"limit": limit - len(rows), "skip": skip}
            found = self._connection.execute(listing.statement(_RECORD, segment), bounds).all()
            if skip:
                skip = 0 if found else skip - int(self._connection.scalar(listing.count(segment)) or 0)
            rows.extend(found)
            if len(rows) >= limit:
                break
        width = len(_RECORD)
        found_records = self._with_attachments(database, [row[:width] for row in rows])
        return FoundRecords(found_records, [Position(row[0], tuple(row[width:])) for row in rows])

    def count_found(self, database: Database, question: Question) -> int:
        """How many records are asked for."""
        if question.where is None:
            return self.count(database)
        return int(self._connection.scalar(self._listing(database, question).count()) or 0)

    def add_index(self, database: Database, field: Field, *, is_descending: bool) -> None:
        """Keep this field's cells in order from now on."""
        cells = cells_for(self._connection.dialect.name)
        statement = index_statement(cells, database.node.number, field, is_descending=is_descending)
        self._connection.execute(text(statement))

    def drop_index(self, database: Database, field: Field) -> None:
        """Do so no longer."""
        for name in index_names(database.node.number, field):
            self._connection.execute(text(f"DROP INDEX IF EXISTS {name}"))

    def _listing(self, database: Database, question: Question) -> Listing:
        return Listing(cells_for(self._connection.dialect.name), database.node.number, question)

    def hanging(self, record: Record, field_id: str) -> list[Attachment]:
        """What hangs on one attachment field, deleted files too."""
        parameters = {"of_record": record.number, "of_field": field_id}
        return [*_ties(self._connection.execute(_HANGING, parameters).all())]

    def uses(self, upload: Upload, limit: int) -> list[Use]:
        """The cells that an upload hangs in."""
        return [Use(*row) for row in self._connection.execute(_USES, {"upload_id": upload.number, "limit": limit})]

    def _with_attachments(self, database: Database, rows: Sequence[Sequence[Any]]) -> list[Record]:
        ties = self._attachments([row[0] for row in rows])
        return [_record(database, row, ties.get(row[0], ())) for row in rows]

    def _attachments(self, record_ids: list[int]) -> dict[int, tuple[Attachment, ...]]:
        if not record_ids:
            return {}
        ties = _ties(self._connection.execute(_ATTACHMENTS, {"record_ids": record_ids}).all())
        return {record_id: tuple(group) for record_id, group in groupby(ties, key=attrgetter("record_id"))}

    def _detach(self, changes: Sequence[RecordChange]) -> None:
        cells = [
            {"of_record": change.record.number, "of_field": cell.field_id}
            for change in changes
            for cell in change.attachments
        ]
        if cells:
            self._connection.execute(_DETACH, cells)

    def _attach(self, cells: Sequence[tuple[int, Sequence[AttachmentChange]]]) -> dict[int, list[Attachment]]:
        """Keep what hangs on each record from now on, and tell what is seen of it in order, by the record's number."""
        ties = [
            Attachment(upload, number, cell.field_id, name, position)
            for number, changed in cells
            for cell in changed
            for position, (upload, name) in enumerate(cell.items)
        ]
        if ties:
            self._connection.execute(_ATTACH, [_attachment_row(tie) for tie in ties])
        by_record: dict[int, list[Attachment]] = {}
        for tie in sorted((tie for tie in ties if tie.upload.deleted_at is None), key=_PLACE):
            by_record.setdefault(tie.record_id, []).append(tie)
        return by_record


def _record(database: Database, row: Sequence[Any], ties: tuple[Attachment, ...]) -> Record:
    number, id, revision, cells, created_at, updated_at, created_by, updated_by = row
    return Record(number, id, database.node.id, revision, cells, created_at, updated_at, created_by, updated_by, ties)


def _new_row(database: Database, new: NewRecord, user: User, now: datetime) -> dict[str, Any]:
    return {
        "public_id": new.id,
        "node_id": database.node.number,
        "revision": 0,
        "cells": new.cells,
        "created_at": now,
        "created_by": user.number,
        "updated_at": now,
        "updated_by": user.number,
    }


def _changed_row(change: RecordChange, user: User, now: datetime) -> dict[str, Any]:
    return {
        "record_id": change.record.number,
        "new_cells": change.cells,
        "new_revision": change.record.revision + 1,
        "user_id": user.number,
        "now": now,
    }


def _retied(change: RecordChange, new: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """What hangs on a record after a change."""
    if not change.attachments:
        return change.record.attachments
    changed = {cell.field_id for cell in change.attachments}
    kept = (tie for tie in change.record.attachments if tie.field_id not in changed)
    return tuple(sorted((*kept, *new), key=_PLACE))


def _ties(rows: Sequence[Sequence[Any]]) -> Iterator[Attachment]:
    for (record_id, field_id, name, position), group in groupby(rows, key=itemgetter(0, 1, 2, 3)):
        yield Attachment(read_upload(list(group)), record_id, field_id, name, position)


def _attachment_row(tie: Attachment) -> dict[str, Any]:
    return {
        "record_id": tie.record_id,
        "field": tie.field_id,
        "position": tie.position,
        "upload_id": tie.upload.number,
        "name": tie.name,
    }
