"""Records and what hangs on them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from holdall.adapters.db.files import UPLOAD, read_upload
from holdall.adapters.db.rows import insert_row
from holdall.adapters.db.tables import attachments, blobs, nodes, records, uploads, variants
from holdall.domain.access import User
from holdall.domain.files import Attachment, Upload
from holdall.domain.records import Database, Record
from holdall.errors import Missing
from holdall.ports import AttachmentChange, Use

_RECORD = (
    records.c.id,
    records.c.public_id,
    records.c.revision,
    records.c.cells,
    records.c.created_at,
    records.c.updated_at,
)
_FIND = select(*_RECORD).where(records.c.public_id == bindparam("id"), records.c.node_id == bindparam("node_id"))
_FIND_FOR_UPDATE = _FIND.with_for_update()
_PAGE = (
    select(*_RECORD)
    .where(records.c.node_id == bindparam("node_id"), records.c.id > bindparam("after"))
    .order_by(records.c.id)
    .limit(bindparam("limit"))
    .offset(bindparam("skip"))
)
_COUNT = select(func.count()).select_from(records).where(records.c.node_id == bindparam("node_id"))
_ADD = insert(records)
_CHANGE = (
    update(records)
    .where(records.c.id == bindparam("record_id"))
    .values(
        cells=bindparam("new_cells"),
        revision=records.c.revision + 1,
        updated_at=bindparam("now"),
        updated_by=bindparam("user_id"),
    )
    .returning(records.c.revision)
)
_ATTACHMENTS = (
    select(attachments.c.record_id, attachments.c.field, attachments.c.name, attachments.c.position, *UPLOAD)
    .join_from(attachments, uploads, attachments.c.upload_id == uploads.c.id)
    .join(blobs, uploads.c.blob_id == blobs.c.id)
    .outerjoin(variants, variants.c.blob_id == blobs.c.id)
    .where(attachments.c.record_id.in_(bindparam("record_ids", expanding=True)), uploads.c.deleted_at.is_(None))
    .order_by(attachments.c.record_id, attachments.c.field, attachments.c.position, variants.c.id)
)
_DETACH = delete(attachments).where(
    attachments.c.record_id == bindparam("record_id"), attachments.c.field.in_(bindparam("field_ids", expanding=True))
)
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
        """Keep a new record, revision 0, with what hangs on it."""
        row = {
            "public_id": id,
            "node_id": database.node.number,
            "revision": 0,
            "cells": cells,
            "created_at": now,
            "created_by": user.number,
            "updated_at": now,
            "updated_by": user.number,
        }
        number = insert_row(self._connection, _ADD, row)
        return Record(number, id, database.node.id, 0, cells, now, now, self._attach(number, attachments))

    def find(self, database: Database, id: str, *, for_update: bool = False) -> Record | None:
        """The record with its attachments."""
        statement = _FIND_FOR_UPDATE if for_update else _FIND
        rows = self._connection.execute(statement, {"id": id, "node_id": database.node.number}).all()
        return next(iter(self._with_attachments(database, rows)), None)

    def change(
        self,
        record: Record,
        cells: Mapping[str, Any],
        attachments: Sequence[AttachmentChange],
        user: User,
        now: datetime,
    ) -> Record:
        """Replace the record's cells and the named attachment cells; ``Missing`` when the record is gone."""
        parameters = {"record_id": record.number, "new_cells": cells, "user_id": user.number, "now": now}
        revision = self._connection.scalar(_CHANGE, parameters)
        if revision is None:
            raise Missing("record", record.id)
        ties = self._reattach(record, attachments) if attachments else record.attachments
        return replace(record, revision=revision, cells=cells, updated_at=now, attachments=ties)

    def page(self, database: Database, *, after: int = 0, skip: int = 0, limit: int) -> list[Record]:
        """Records in order of creation, with attachments, in two statements however many they are."""
        parameters = {"node_id": database.node.number, "after": after, "skip": skip, "limit": limit}
        return self._with_attachments(database, self._connection.execute(_PAGE, parameters).all())

    def count(self, database: Database) -> int:
        """How many records the database has."""
        return int(self._connection.scalar(_COUNT, {"node_id": database.node.number}) or 0)

    def uses(self, upload: Upload, limit: int) -> list[Use]:
        """The cells that an upload hangs in."""
        return [Use(*row) for row in self._connection.execute(_USES, {"upload_id": upload.number, "limit": limit})]

    def _with_attachments(self, database: Database, rows: Sequence[Sequence[Any]]) -> list[Record]:
        ties = self._attachments([row[0] for row in rows])
        return [
            Record(number, id, database.node.id, revision, cells, created_at, updated_at, ties.get(number, ()))
            for number, id, revision, cells, created_at, updated_at in rows
        ]

    def _attachments(self, record_ids: list[int]) -> dict[int, tuple[Attachment, ...]]:
        if not record_ids:
            return {}
        ties = _ties(self._connection.execute(_ATTACHMENTS, {"record_ids": record_ids}).all())
        return {record_id: tuple(group) for record_id, group in groupby(ties, key=attrgetter("record_id"))}

    def _reattach(self, record: Record, changes: Sequence[AttachmentChange]) -> tuple[Attachment, ...]:
        changed = [change.field_id for change in changes]
        self._connection.execute(_DETACH, {"record_id": record.number, "field_ids": changed})
        kept = (tie for tie in record.attachments if tie.field_id not in changed)
        return tuple(sorted((*kept, *self._attach(record.number, changes)), key=_PLACE))

    def _attach(self, record_id: int, changes: Sequence[AttachmentChange]) -> tuple[Attachment, ...]:
        new = [
            Attachment(upload, record_id, change.field_id, name, position)
            for change in changes
            for position, (upload, name) in enumerate(change.items)
        ]
        if new:
            self._connection.execute(_ATTACH, [_attachment_row(tie) for tie in new])
        return tuple(sorted(new, key=_PLACE))


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
