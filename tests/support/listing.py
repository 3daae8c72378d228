"""A database with a field of every shape, and what a condition and an order mean, worked out in Python."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cmp_to_key
from typing import Any

from holdall.domain.conditions import (
    TEXT_KEY_LENGTH,
    AllOf,
    AnyFileHas,
    AnyFileIs,
    AnyFileSizeIs,
    AnyOf,
    AuthorIs,
    Condition,
    FileCountIs,
    FilePart,
    IsChecked,
    IsEmpty,
    Not,
    NumberIs,
    Question,
    Relation,
    SetHas,
    SetIs,
    Shape,
    TextHas,
    TextIs,
    TimeIs,
    shape_of,
)
from holdall.domain.files import Attachment
from holdall.domain.records import Database, Field, FieldType, Record
from holdall.ports import Ledger
from tests.support.rows import World, make_world

OPTIONS = [{"id": "optB", "name": "Open", "color": ""}, {"id": "optA", "name": "Closed", "color": ""}]
NAME = Field("fldTitle", "Title", FieldType.SINGLE_TEXT)
NOTES = Field("fldNotes", "Notes", FieldType.LONG_TEXT)
AMOUNT = Field("fldAmount", "Amount", FieldType.NUMBER)
DONE = Field("fldDone", "Done", FieldType.CHECKBOX)
STAGE = Field("fldStage", "Stage", FieldType.SINGLE_SELECT, properties={"options": OPTIONS})
TAGS = Field("fldTags", "Tags", FieldType.MULTI_SELECT, properties={"options": OPTIONS})
OWNERS = Field("fldOwners", "Owners", FieldType.MEMBER)
SEEN = Field("fldSeen", "Seen on", FieldType.DATETIME)
SPAN = Field("fldSpan", "Span", FieldType.DATERANGE)
MADE = Field("fldMade", "Made", FieldType.CREATED_TIME)
CHANGED = Field("fldChanged", "Changed", FieldType.MODIFIED_TIME)
MAKER = Field("fldMaker", "Maker", FieldType.CREATED_BY)
PICTURES = Field("fldPictures", "Pictures", FieldType.ATTACHMENT)
EXTRA = Field("fldExtra", "Extra", FieldType.JSON)
FIELDS = (NAME, NOTES, AMOUNT, DONE, STAGE, TAGS, OWNERS, SEEN, SPAN, MADE, CHANGED, MAKER, PICTURES, EXTRA)
SORTABLE = [field for field in FIELDS if shape_of(field) is not Shape.OPAQUE]


def make_listed(ledger: Ledger) -> World:
    """Keep a database with all of them."""
    world = make_world(ledger)
    for field in FIELDS:
        ledger.spaces.add_field(world.database.node, field)
    return World(world.user, world.space, world.root, Database(world.database.node, FIELDS))


def holds(condition: Condition, record: Record, makers: Sequence[str] = ()) -> bool:  # noqa: PLR0911  one case each
    """Whether a condition holds for a record whose author is known by these ids."""
    match condition:
        case AllOf(conditions):
            return all(holds(each, record, makers) for each in conditions)
        case AnyOf(conditions):
            return any(holds(each, record, makers) for each in conditions)
        case Not(inner):
            return not holds(inner, record, makers)
        case IsEmpty(field):
            return _kept(field, record) is None
        case AuthorIs(_, ids):
            return any(id in makers for id in ids)
        case FileCountIs(field, relation, value):
            return _relate(relation)(len(record.attached(field.id)), value)
        case AnyFileIs(field, part, values):
            return any(_part(tie, part) in values for tie in record.attached(field.id))
        case AnyFileHas(field, part, values):
            return any(value in _part(tie, part) for tie in record.attached(field.id) for value in values)
        case AnyFileSizeIs(field, relation, value):
            return any(_relate(relation)(tie.upload.blob.size, value) for tie in record.attached(field.id))
    kept = _kept(condition.field, record)
    return kept is not None and _holds_of(condition, kept)


def _holds_of(condition: Condition, kept: Any) -> bool:  # noqa: PLR0911  one case each
    match condition:
        case TextIs(_, values):
            return kept in values
        case TextHas(_, values):
            return any(value in kept for value in values)
        case NumberIs(_, relation, value):
            return _relate(relation)(kept, value)
        case IsChecked():
            return kept is True
        case SetIs(_, ids):
            return set(kept) == ids
        case SetHas(_, ids):
            return bool(set(kept) & ids)
        case TimeIs(_, start, end):
            time = kept if isinstance(kept, datetime) else datetime.fromisoformat(kept)
            return (start is None or time >= start) and (end is None or time < end)
    raise AssertionError(condition)


def in_order(question: Question, records: Sequence[Record]) -> list[Record]:
    """The records sorted: by each key, empty ones last, ties by number."""

    def compare(left: Record, right: Record) -> int:
        for sort in question.sorts:
            mine, other = sort_key(sort.field, left), sort_key(sort.field, right)
            if mine == other:
                continue
            if mine is None or other is None:
                return 1 if mine is None else -1
            return (1 if mine > other else -1) * (-1 if sort.is_descending else 1)
        return left.number - right.number

    return sorted(records, key=cmp_to_key(compare))


def sort_key(field: Field, record: Record) -> Any:  # noqa: PLR0911  one case each
    """What a record is sorted by."""
    kept = _kept(field, record)
    places = {option["id"]: place for place, option in enumerate(OPTIONS)}
    match shape_of(field):
        case Shape.TRUTH:
            return bool(kept)
        case Shape.CREATOR:
            return record.created_by
        case _ if kept is None:
            return None
        case Shape.TEXT:
            return kept[:TEXT_KEY_LENGTH]
        case Shape.OPTION:
            return places[kept]
        case Shape.OPTIONS:
            return places[kept[0]]
        case Shape.IDS | Shape.FILES:
            return len(kept)
        case _:
            return kept


def _kept(field: Field, record: Record) -> Any:
    match shape_of(field):
        case Shape.CREATED:
            return record.created_at
        case Shape.MODIFIED:
            return record.updated_at
        case Shape.CREATOR:
            return record.created_by
        case Shape.FILES:
            return record.attached(field.id) or None
        case _:
            return record.cells.get(field.id)


def _part(tie: Attachment, part: FilePart) -> str:
    return tie.name if part is FilePart.NAME else tie.upload.blob.mime


def _relate(relation: Relation) -> Callable[[Any, Any], bool]:
    relations: dict[Relation, Callable[[Any, Any], bool]] = {
        Relation.EQUAL: lambda left, right: left == right,
        Relation.LESS: lambda left, right: left < right,
        Relation.LESS_OR_EQUAL: lambda left, right: left <= right,
        Relation.MORE: lambda left, right: left > right,
        Relation.MORE_OR_EQUAL: lambda left, right: left >= right,
    }
    return relations[relation]


BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
