"""What lies in the stores and in the database, by what it is there for, and what of it a sweep takes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from holdall.domain.files import BlobState


class Use(StrEnum):
    """What a blob is there for."""

    KEPT = "kept"
    DELETED = "deleted"
    """Every upload of it was deleted, and some can still be brought back."""
    DUE = "due"
    """Every upload of it was deleted, and none can be brought back."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The row that names a key of the blob store: a blob's, a rendition's (``is_rendition``), or a reservation's."""

    key: str
    size: int
    """As the row says; 0 for a reservation."""
    since: datetime
    """When the blob came, or the key was reserved."""
    blob_id: int | None
    """``None``: a reservation's."""
    state: BlobState = BlobState.READY
    use: Use = Use.KEPT
    is_rendition: bool = False


@dataclass(frozen=True, slots=True)
class Pile:
    """Things of one kind, and why they are there; a sweep takes them, or leaves them alone."""

    what: str
    number: int
    bytes: int
    """As they lie in the store; 0 where they are rows only."""
    why: str
    goes: bool


@dataclass(frozen=True, slots=True)
class Times:
    """Since when things have to be there to go: those that nobody finished, and those that somebody deleted."""

    unfinished: datetime
    deleted: datetime
    events: datetime
    now: datetime
    loose: datetime | None = None
    """Since when an upload has to hang nowhere; ``None``: it stays, however long."""
