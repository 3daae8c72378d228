"""The structure of a space: what may be called what, how much there may be of it, and what a change does to values."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from holdall.domain.filename import has_unseen
from holdall.domain.records import Field, FieldType
from holdall.errors import StructureRefused

MAX_NAME_LENGTH = 100
MAX_DESCRIPTION_LENGTH = 2_000
MAX_NODES = 1_000
"""In a space, its root aside: the tree is told in one answer."""
MAX_DEPTH = 10
"""Folders, one in the other, below the root."""
MAX_FIELDS = 200
"""In a database: every record is told with all of them."""
MAX_REWRITTEN = 100_000
"""Records that one change may rewrite: it is one transaction, for which other writers wait (decision 0038)."""
MAX_SAMPLES = 10
"""Values that a report names."""

PRIMARY = frozenset(
    {
        FieldType.SINGLE_TEXT,
        FieldType.LONG_TEXT,
        FieldType.URL,
        FieldType.EMAIL,
        FieldType.PHONE,
        FieldType.NUMBER,
        FieldType.CURRENCY,
        FieldType.PERCENT,
        FieldType.DATETIME,
        FieldType.DATERANGE,
        FieldType.AUTO_NUMBER,
        FieldType.FORMULA,
    }
)
"""Types of the field that a record is known by: one value that reads as text."""


MAX_VIEWS = 100
"""Of one database."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value that a change does not keep whole."""

    record_id: str
    before: Any
    """As it is shown."""
    after: Any
    """What is left of it; ``None``: nothing."""


@dataclass(frozen=True, slots=True)
class Dependent:
    """A field that shows nothing any more once a change is made."""

    database_id: str
    field_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a change of a field does, or would do, to what is kept in it."""

    records: int = 0
    """That hold something there."""
    converted: int = 0
    """Of which the value is whole afterwards."""
    lost: int = 0
    """Of which it is not, or not whole."""
    samples: tuple[Sample, ...] = ()
    """The first of those that are lost."""
    options: int = 0
    """Options that are made of values."""
    dependents: tuple[Dependent, ...] = ()

    @property
    def is_lossy(self) -> bool:
        """Whether there is anything that a client would have to agree to."""
        return bool(self.lost or self.dependents)


NO_CHANGE = Report()


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes with a node."""

    nodes: int
    """It, and all that is below it."""
    databases: int
    records: int


def checked_name(given: str, part: str = "name", longest: int = MAX_NAME_LENGTH) -> str:
    """A name as it is kept: in normal form, without blanks at its ends.

    Raises:
        StructureRefused: it is empty, too long, or holds what nobody sees.

    """
    name = unicodedata.normalize("NFC", given).strip()
    if not 0 < len(name) <= longest:
        raise StructureRefused(part, f"it has 1 to {longest} characters")
    if has_unseen(name):
        raise StructureRefused(part, "line breaks, and characters that nobody sees, are not taken")
    return name


def checked_description(given: str) -> str:
    """A description as it is kept; it may have several lines.

    Raises:
        StructureRefused: it is too long, or holds control characters.

    """
    text = given.replace("\r\n", "\n").strip()
    if len(text) > MAX_DESCRIPTION_LENGTH:
        raise StructureRefused("description", f"it has at most {MAX_DESCRIPTION_LENGTH} characters")
    if has_unseen(text.replace("\n", "").replace("\t", "")):
        raise StructureRefused("description", "characters that nobody sees are not taken")
    return text


def ensure_free(name: str, others: Iterable[Field]) -> None:
    """Refuse the name of another field, letter case aside; and another's id, by which cells are named as well.

    Raises:
        StructureRefused: it is taken.

    """
    for other in others:
        if name == other.id or name.casefold() == unicodedata.normalize("NFC", other.name).casefold():
            raise StructureRefused("name", f"the database has a field called {other.name}")


def free_name(wanted: str, others: Iterable[Field]) -> str:
    """The name, or with a number behind it the first that no other field has."""
    taken = {unicodedata.normalize("NFC", other.name).casefold() for other in others}
    name, number = wanted, 1
    while name.casefold() in taken:
        number += 1
        ending = f" {number}"
        name = f"{wanted[: MAX_NAME_LENGTH - len(ending)]}{ending}"
    return name
