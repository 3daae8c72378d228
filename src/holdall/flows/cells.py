"""Cells on their way in: every key a known field, every value one that fits it, every id one of something there is.

Of an attachment that a client sends back, only ``id`` is believed (and ``name``, for showing). Size, type, path and
bucket are ours to know; an id of another space does not exist here. Ids are looked up for all records of a request at
once.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from holdall.domain.fieldtypes import coerce, kind_of
from holdall.domain.fieldtypes.kind import Reference
from holdall.domain.filename import display_name
from holdall.domain.files import Upload
from holdall.domain.records import Database, Field, Record
from holdall.errors import CellRefused, FieldUnknown, Malformed
from holdall.ports import AttachmentChange, Ledger

MAX_REFERENCES = 10_000
"""Ids in the cells of one request: no database takes a statement with any number of them."""
_Shape = Sequence[tuple[Field, Any]]
"""The values of one record, each of the right form; ids in them are yet to be looked up."""


@dataclass(frozen=True, slots=True)
class Row:
    """New values of one record by field name or id, and the record as it is; ``None``: there is none yet."""

    values: Mapping[str, Any]
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Cells:
    """Coerced values: plain cells by field id (``None`` empties), and attachment cells."""

    plain: Mapping[str, Any]
    attachments: Sequence[AttachmentChange]


def coerce_rows(ledger: Ledger, database: Database, rows: Sequence[Row]) -> list[Cells]:
    """The stored forms of all values.

    Raises:
        FieldUnknown, CellRefused: for the first that does not fit; of several records, it is told which.
        Malformed: there are more ids in them than ``MAX_REFERENCES``.

    """
    shapes: list[_Shape] = []
    for number, row in enumerate(rows):
        with _naming(number, rows):
            shapes.append(_shape(database, row.values))
    things = _Things(ledger, database, shapes)
    cells: list[Cells] = []
    for number, (row, shape) in enumerate(zip(rows, shapes, strict=True)):
        with _naming(number, rows):
            cells.append(things.fill(shape, row.record))
    return cells


@contextmanager
def _naming(number: int, rows: Sequence[Row]) -> Iterator[None]:
    """Say which record of several a refusal is about."""
    try:
        yield
    except CellRefused as refusal:
        if len(rows) == 1:
            raise
        raise replace(refusal, reason=f"{refusal.reason}; record {number + 1} of {len(rows)}") from refusal


def _shape(database: Database, values: Mapping[str, Any]) -> _Shape:
    shape: list[tuple[Field, Any]] = []
    for key, value in values.items():
        field = database.find_field(key)
        if field is None:
            raise FieldUnknown(key)
        shape.append((field, coerce(field, value)))
    return shape


class _Things:
    """What the ids in some cells are ids of, looked up once: uploads, members, records of each database linked to."""

    def __init__(self, ledger: Ledger, database: Database, shapes: Sequence[_Shape]) -> None:
        space_id = database.node.space_id
        named: dict[Reference, list[tuple[Field, Any]]] = {reference: [] for reference in Reference}
        for field, value in (cell for shape in shapes for cell in shape):
            reference = kind_of(field).refers_to
            if reference is not None and value:
                named[reference].append((field, value))
        uploads = {item["id"] for _, items in named[Reference.UPLOADS] for item in items}
        members = {id for _, ids in named[Reference.MEMBERS] for id in ids}
        links: dict[str, set[str]] = {}
        for field, ids in named[Reference.RECORDS]:
            links.setdefault(field.foreign_database_id, set()).update(ids)
        if len(uploads) + len(members) + sum(map(len, links.values())) > MAX_REFERENCES:
            raise Malformed("json", f"more than {MAX_REFERENCES} ids in one request")
        self._uploads = ledger.files.find_uploads(space_id, list(uploads), to_tie=True) if uploads else {}
        self._members = ledger.spaces.people(space_id, members, ()).members if members else {}
        self._records = {
            foreign: ledger.records.present(space_id, foreign, list(ids)) for foreign, ids in links.items()
        }

    def fill(self, shape: _Shape, record: Record | None) -> Cells:
        """The cells of one record, each id in them found."""
        plain: dict[str, Any] = {}
        attachments: dict[str, AttachmentChange] = {}
        for field, value in shape:
            reference = kind_of(field).refers_to
            if reference is Reference.UPLOADS:
                attachments[field.id] = AttachmentChange(field.id, [self._tie(field, item) for item in value or ()])
                continue
            if reference is not None and value:
                self._find(reference, field, value, record)
            plain[field.id] = value
        return Cells(plain, [*attachments.values()])

    def _find(self, reference: Reference, field: Field, ids: Sequence[str], record: Record | None) -> None:
        """Refuse ids of nobody and nothing, but for those that are in the cell already and whose thing has gone."""
        is_member = reference is Reference.MEMBERS
        known = self._members if is_member else self._records[field.foreign_database_id]
        kept = () if record is None else record.cells.get(field.id, ())
        for id in ids:
            if id not in known and id not in kept:
                what = "no such member of this space" if is_member else "no such record in the linked database"
                raise CellRefused(field.name, id, what)

    def _tie(self, field: Field, item: Mapping[str, Any]) -> tuple[Upload, str]:
        upload = self._uploads.get(item["id"])
        if upload is None or not upload.blob.state.is_told:
            raise CellRefused(field.name, item, "no such attachment in this space")
        return upload, _shown_name(field, upload, item.get("name"))


def _shown_name(field: Field, upload: Upload, name: object) -> str:
    """What the cell shows: the client's name, unless the client gives another.

    The stored name, which an upload's answer carries as ``name``, comes back in every echoed object: it is not a
    wish to show it.
    """
    if name is None or name == "" or name == upload.path.rsplit("/", 1)[-1]:
        return upload.name
    if not isinstance(name, str):
        raise CellRefused(field.name, name, "the name of an attachment is text")
    return display_name(name, fallback=upload.name)
