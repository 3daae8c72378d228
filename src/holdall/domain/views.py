"""Views: a way to look at a database, with a filter, an order and hidden fields of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class ViewType(StrEnum):
    """How a view is drawn; ``TABLE`` is the grid. Its records are the same either way."""

    TABLE = "TABLE"
    GALLERY = "GALLERY"
    KANBAN = "KANBAN"


@dataclass(frozen=True, slots=True)
class ViewSort:
    """An order by a field, which may be gone meanwhile: then it is no order."""

    field_id: str
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """One view of a database."""

    id: str
    name: str
    type: ViewType = ViewType.TABLE
    description: str = ""
    filter: str = ""
    """In the language that clients filter in; ``""``: every record."""
    sorts: Sequence[ViewSort] = ()
    hidden: frozenset[str] = frozenset()
    """Fields that are not shown, by id."""
