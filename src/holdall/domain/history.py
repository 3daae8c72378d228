"""What was done to a record: who changed which cells, when, from what to what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from holdall.domain.people import Person
from holdall.domain.records import Record

Changes = Mapping[str, Sequence[Any]]
"""By field id: what was there before, and what after, in their stored forms; ``None``: the cell was empty."""


class Deed(StrEnum):
    """What was done."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class NewDeed:
    """One thing that is done to a record, as it is kept."""

    record_id: str
    revision: int
    """Of the record afterwards; for a deletion, the last that it had."""
    deed: Deed
    changes: Changes


@dataclass(frozen=True, slots=True)
class DoneDeed:
    """One thing that was done to a record, as it is read."""

    number: int
    """In the order of doing."""
    revision: int
    deed: Deed
    changes: Changes
    by: Person
    at: datetime


def creation(record: Record) -> NewDeed:
    """The record was made."""
    return NewDeed(record.id, record.revision, Deed.CREATE, _between({}, _told(record)))


def update(before: Record, after: Record) -> NewDeed:
    """The record was changed."""
    return NewDeed(after.id, after.revision, Deed.UPDATE, _between(_told(before), _told(after)))


def deletion(record: Record) -> NewDeed:
    """The record was deleted; what it held last is remembered."""
    return NewDeed(record.id, record.revision, Deed.DELETE, _between(_told(record), {}))


def _told(record: Record) -> dict[str, Any]:
    """Every cell in a form that can be kept; of a file, its id and the name that it was shown by."""
    cells = dict(record.cells)
    for tie in record.attachments:
        cells.setdefault(tie.field_id, []).append({"id": tie.upload.id, "name": tie.name})
    return cells


def _between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """The cells that differ."""
    return {
        field_id: [before.get(field_id), after.get(field_id)]
        for field_id in {**before, **after}
        if _differ(before.get(field_id), after.get(field_id))
    }


def _differ(one: Any, other: Any) -> bool:
    """As JSON: to Python, 1 is true and 1.0."""
    return one is not other and (one != other or repr(one) != repr(other))
