"""What a listing asks for: which records, in which order; typed, with no language and no engine in it.

Every condition is either true or false of a record: an empty cell makes each of them false but ``IsEmpty``, and
``Not`` is true wherever its condition is not. So ``!=`` is "not equal", and holds for empty cells, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

from holdall.domain.records import Field, FieldType


class Shape(Enum):
    """How cells of a type are compared and sorted."""

    TEXT = "text"
    """Letter by letter, by code point; case counts."""
    NUMBER = "number"
    TRUTH = "truth"
    """An empty cell counts as false."""
    OPTION = "option"
    """By the option; sorted in the options' order."""
    OPTIONS = "options"
    """As a set of options; sorted by the first one's place."""
    IDS = "ids"
    """As a set of ids; sorted by how many they are."""
    TIME = "time"
    SPAN = "span"
    """Sorted by its beginning; asked only whether it is empty."""
    CREATED = "created"
    MODIFIED = "modified"
    CREATOR = "creator"
    MODIFIER = "modifier"
    """People who write, by member or user id; sorted in the order in which they were admitted to the server."""
    FILES = "files"
    """Asked about their number, types, sizes and names; sorted by how many they are."""
    OPAQUE = "opaque"
    """Asked only whether it is empty; has no order."""


SHAPES: Mapping[FieldType, Shape] = {
    FieldType.SINGLE_TEXT: Shape.TEXT,
    FieldType.LONG_TEXT: Shape.TEXT,
    FieldType.URL: Shape.TEXT,
    FieldType.EMAIL: Shape.TEXT,
    FieldType.PHONE: Shape.TEXT,
    FieldType.NUMBER: Shape.NUMBER,
    FieldType.CURRENCY: Shape.NUMBER,
    FieldType.PERCENT: Shape.NUMBER,
    FieldType.RATING: Shape.NUMBER,
    FieldType.AUTO_NUMBER: Shape.NUMBER,
    FieldType.CHECKBOX: Shape.TRUTH,
    FieldType.SINGLE_SELECT: Shape.OPTION,
    FieldType.MULTI_SELECT: Shape.OPTIONS,
    FieldType.MEMBER: Shape.IDS,
    FieldType.LINK: Shape.IDS,
    FieldType.ONE_WAY_LINK: Shape.IDS,
    FieldType.DATETIME: Shape.TIME,
    FieldType.DATERANGE: Shape.SPAN,
    FieldType.CREATED_TIME: Shape.CREATED,
    FieldType.MODIFIED_TIME: Shape.MODIFIED,
    FieldType.CREATED_BY: Shape.CREATOR,
    FieldType.MODIFIED_BY: Shape.MODIFIER,
    FieldType.ATTACHMENT: Shape.FILES,
    FieldType.AI_TEXT: Shape.TEXT,
}
"""The one table that says so; a type that is not in it is opaque."""

TEXT_KEY_LENGTH = 100
"""Texts are sorted by so many characters: a place in the order has to fit into a cursor, and into an index."""


def shape_of(field: Field) -> Shape:
    """How the field's cells are compared."""
    return SHAPES.get(field.type, Shape.OPAQUE)


class Relation(Enum):
    """How a number stands to another."""

    EQUAL = "=="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    MORE = ">"
    MORE_OR_EQUAL = ">="


class FilePart(Enum):
    """What a file is asked about."""

    TYPE = "type"
    SIZE = "size"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class IsEmpty:
    """Nothing is in the cell."""

    field: Field


@dataclass(frozen=True, slots=True)
class TextIs:
    """The text (or the option's id) is one of these."""

    field: Field
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextHas:
    """Any of these stands somewhere in the text."""

    field: Field
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NumberIs:
    """The number stands so to this one."""

    field: Field
    relation: Relation
    value: float


@dataclass(frozen=True, slots=True)
class IsChecked:
    """The box is checked, and filled at all."""

    field: Field


@dataclass(frozen=True, slots=True)
class SetIs:
    """The cell holds these, in any order, and nothing else."""

    field: Field
    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class SetHas:
    """The cell holds any of these."""

    field: Field
    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class TimeIs:
    """The time is not before ``start``, and is before ``end``; ``None``: no such bound."""

    field: Field
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class AuthorIs:
    """Whoever wrote the record is one of these, by member or user id."""

    field: Field
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileCountIs:
    """So many files hang on the cell; none on an empty one."""

    field: Field
    relation: Relation
    value: float


@dataclass(frozen=True, slots=True)
class AnyFileIs:
    """One of the files has this type or name."""

    field: Field
    part: FilePart
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnyFileHas:
    """Any of these stands somewhere in the type or the name of one of the files."""

    field: Field
    part: FilePart
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnyFileSizeIs:
    """One of the files is so large, in bytes."""

    field: Field
    relation: Relation
    value: float


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every condition holds."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One condition holds at least."""

    conditions: tuple["Condition", ...]


Condition: TypeAlias = (
    IsEmpty
    | TextIs
    | TextHas
    | NumberIs
    | IsChecked
    | SetIs
    | SetHas
    | TimeIs
    | AuthorIs
    | FileCountIs
    | AnyFileIs
    | AnyFileHas
    | AnyFileSizeIs
    | Not
    | AllOf
    | AnyOf
)


@dataclass(frozen=True, slots=True)
class Sort:
    """An order by one field. Empty cells come last either way, and ties go by the record's number."""

    field: Field
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """Which records of a database, and in which order."""

    where: Condition | None = None
    sorts: Sequence[Sort] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """A place in an order: just behind the record of this number, which has these sort keys."""

    number: int
    keys: tuple[Any, ...] = ()
