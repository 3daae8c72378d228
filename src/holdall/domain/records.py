"""Nodes, databases, fields and records, as they are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any

from holdall.domain.files import Attachment
from holdall.domain.zones import zone_called


class NodeType(StrEnum):
    """What a node of a space's tree is."""

    ROOT = "ROOT"
    FOLDER = "FOLDER"
    DATABASE = "DATABASE"


@dataclass(frozen=True, slots=True)
class Node:
    """A place in a space's tree. A database is its node: same id."""

    number: int
    id: str
    space_id: int
    parent_id: str | None
    type: NodeType
    name: str
    description: str = ""


class FieldType(StrEnum):
    """What a field's cells hold, spelled as every API here spells it; see ``domain.fieldtypes``."""

    SINGLE_TEXT = "SINGLE_TEXT"
    LONG_TEXT = "LONG_TEXT"
    URL = "URL"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    NUMBER = "NUMBER"
    CURRENCY = "CURRENCY"
    PERCENT = "PERCENT"
    RATING = "RATING"
    CHECKBOX = "CHECKBOX"
    SINGLE_SELECT = "SINGLE_SELECT"
    MULTI_SELECT = "MULTI_SELECT"
    MEMBER = "MEMBER"
    DATETIME = "DATETIME"
    DATERANGE = "DATERANGE"
    ATTACHMENT = "ATTACHMENT"
    LINK = "LINK"
    ONE_WAY_LINK = "ONE_WAY_LINK"
    LOOKUP = "LOOKUP"
    FORMULA = "FORMULA"
    AUTO_NUMBER = "AUTO_NUMBER"
    CREATED_TIME = "CREATED_TIME"
    MODIFIED_TIME = "MODIFIED_TIME"
    CREATED_BY = "CREATED_BY"
    MODIFIED_BY = "MODIFIED_BY"
    CASCADER = "CASCADER"
    JSON = "JSON"
    AI_TEXT = "AI_TEXT"
    WORK_DOC = "WORK_DOC"
    BUTTON = "BUTTON"


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a select field."""

    id: str
    name: str
    color: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a database."""

    id: str
    name: str
    type: FieldType
    is_primary: bool = False
    description: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Type-specific: ``options`` (list of id, name, color) for selects, ``max`` for ratings, ``precision`` and
    ``symbol`` for numbers, ``timeZone`` and ``includeTime`` for times, ``foreignDatabaseId`` and ``foreignFieldId`` for
    links, ``linkFieldId`` and ``lookupFieldId`` for lookups."""

    @property
    def options(self) -> tuple[Option, ...]:
        """The choices of a select field; empty for any other type."""
        return tuple(Option(**option) for option in self.properties.get("options", ()))

    @property
    def foreign_database_id(self) -> str:
        """The database whose records a link names."""
        return str(self.properties.get("foreignDatabaseId", ""))

    @property
    def back_field_id(self) -> str:
        """The field of that database that leads back; ``""``: none does."""
        return str(self.properties.get("foreignFieldId", ""))

    @property
    def link_field_id(self) -> str:
        """The link that a lookup follows."""
        return str(self.properties.get("linkFieldId", ""))

    @property
    def lookup_field_id(self) -> str:
        """The field of the linked database that a lookup shows."""
        return str(self.properties.get("lookupFieldId", ""))

    @property
    def zone(self) -> tzinfo | None:
        """The zone that the field's local times are in, where it names one that there is."""
        name = self.properties.get("timeZone")
        return zone_called(name) if isinstance(name, str) else None


@dataclass(frozen=True, slots=True)
class Database:
    """A node of type DATABASE with its fields in order."""

    node: Node
    fields: tuple[Field, ...]

    def find_field(self, key: str) -> Field | None:
        """The field of this id or, failing that, of this name."""
        by_id = next((field for field in self.fields if field.id == key), None)
        return by_id or next((field for field in self.fields if field.name == key), None)


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a database: plain cells by field id, attachment cells as ties."""

    number: int
    id: str
    database_id: str
    revision: int
    cells: Mapping[str, Any]
    """Stored forms by field id; an absent key is an empty cell. Attachment fields are never in here."""
    created_at: datetime
    updated_at: datetime
    created_by: int
    """The number of the user."""
    updated_by: int
    attachments: tuple[Attachment, ...] = ()

    def attached(self, field_id: str) -> tuple[Attachment, ...]:
        """What hangs on one attachment field, in order."""
        return tuple(tie for tie in self.attachments if tie.field_id == field_id)
