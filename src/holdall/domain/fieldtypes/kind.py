"""What every type of field has: what it takes, what it keeps, what it shows."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import Enum
from typing import Any, ClassVar

from holdall.domain.fieldtypes.properties import Asked, Rule, defined
from holdall.domain.files import Attachment
from holdall.domain.formulas.values import Value, reckoned
from holdall.domain.people import NOBODY, People
from holdall.domain.records import Field, Record
from holdall.errors import CellRefused

MAX_ITEMS = 1000
"""In one cell, which is read and shown whole."""


class Reference(Enum):
    """What the ids in a cell are ids of: to be looked up before they are kept."""

    UPLOADS = "uploads"
    MEMBERS = "members"
    RECORDS = "records"


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What one lookup field shows: a field of the linked database, and the linked records by id."""

    field: Field
    kind: "Kind"
    records: Mapping[str, Record]


@dataclass(frozen=True, slots=True)
class Beside:
    """What has to be known beside some records to show their cells."""

    people: People = NOBODY
    looked_up: Mapping[str, LookedUp] = dataclasses.field(default_factory=dict)
    """By the id of the field that looks it up."""
    columns: Mapping[str, tuple[Field, "Kind"]] = dataclasses.field(default_factory=dict)
    """The database's own fields by id, for what is worked out of them."""


NOTHING = Beside()


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom cells are shown, and how a dialect tells files."""

    zone: tzinfo | None = None
    """In which local times are told; ``None``: in the field's own, else in UTC."""
    beside: Beside = NOTHING
    now: datetime | None = None
    """The time that formulas take for this one."""
    tell_file: Callable[[Attachment], Any] = lambda tie: {"id": tie.upload.id, "name": tie.name}
    """An attachment as it is shown."""
    tell_kept_file: Callable[[Attachment], Any] = lambda tie: {"id": tie.upload.id, "name": tie.name}
    """An attachment as it is told where the stored form is asked for."""
    tell_file_text: Callable[[Attachment], str] = lambda tie: tie.name


PLAIN = Reader()


class Kind:
    """One type of field. ``kept`` is the stored form of one cell, never ``None``."""

    written: ClassVar[str]
    """What may be written, in a line."""
    shown: ClassVar[str]
    """What is read, in a line."""
    is_written: ClassVar[bool] = True
    """Whether clients may; else it is worked out."""
    refers_to: ClassVar[Reference | None] = None
    names_authors: ClassVar[bool] = False
    """Whether it shows who wrote the record."""
    properties: ClassVar[Mapping[str, Rule]] = {}
    """What can be said of a field of this type, and how each is checked."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """What has to be said."""

    def define(self, asked: Asked) -> dict[str, Any]:
        """A field's properties as they are kept. Ids in them are yet to be looked up.

        Raises:
            StructureRefused: one does not fit, or is missing.

        """
        return defined(self.properties, self.needs, asked)

    def coerce(self, field: Field, value: Any) -> Any:
        """The stored form of a client's value, which is not ``None``; ``None``: the value says that there is nothing.

        Raises:
            CellRefused: the value does not fit.

        """
        raise NotImplementedError

    def kept(self, field: Field, record: Record) -> Any | None:
        """The stored form that a record has; ``None``: the cell is empty."""
        return record.cells.get(field.id)

    def show(self, _field: Field, kept: Any, _reader: Reader) -> Any:
        """The cell as JSON; ``None``: there is nothing to be seen."""
        return kept

    def show_text(self, field: Field, kept: Any, reader: Reader) -> str:
        """The cell as one string."""
        return str(self.show(field, kept, reader))

    def show_told(self, field: Field, kept: Any, reader: Reader) -> Any:
        """The cell where cells are asked for as text: what looks up several is a list of texts."""
        return self.show_text(field, kept, reader)

    def show_both(self, field: Field, kept: Any, reader: Reader) -> tuple[Any, Any]:
        """The cell in its stored and its shown form, where a reader is told of both."""
        return kept, self.show(field, kept, reader)

    def value(self, field: Field, kept: Any, reader: Reader) -> Value:
        """What formulas reckon with.

        Raises:
            Fault: it cannot be worked out, or is too long a list.

        """
        return reckoned(self.show(field, kept, reader))

    def recall(self, field: Field, kept: Any, reader: Reader) -> Any:
        """What a cell showed once, by what the record's history kept of it.

        That may be a stored form of another type, which the field had then: it is told as it is.
        """
        return self.show(field, kept, reader)


class Computed(Kind):
    """A type that nobody writes."""

    written = "–"
    is_written = False

    def coerce(self, field: Field, value: Any) -> Any:
        """Refuse it."""
        raise CellRefused(field.name, value, "the field is read-only")


def refuse(field: Field, value: Any, reason: str) -> CellRefused:
    """The refusal of a value."""
    return CellRefused(field.name, value, reason)


def zone_for(reader: Reader, field: Field) -> tzinfo:
    """In which zone a reader is told local times."""
    return reader.zone or field.zone or UTC
