"""The access log: who did what with which file, when, from where, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Action(StrEnum):
    """What a request was about. A request that names several files makes one event for each."""

    UPLOAD = "upload"
    READ = "read"
    """The bytes of a file, or of one of its variants."""
    LINK = "link"
    """A file was put into a cell of a record."""
    UNLINK = "unlink"
    DELETE = "delete"
    """A file was put out of sight; it can be brought back until a sweep comes for it."""
    RESTORE = "restore"
    """A deleted file was brought back."""
    VIEW = "view"
    """Records, spaces and the like were looked at; links to files given out with them count as this."""
    CHANGE = "change"
    """Records were written without a file being linked or unlinked; also when linking was refused.
    Or a file was renamed."""
    SIGN_IN = "sign-in"
    SIGN_OUT = "sign-out"
    LOG = "log"
    """The log of a file was looked at."""
    UNKNOWN = "unknown"
    """No such route."""
    GAP = "gap"
    """No request: events could not be written and were lost; the detail says how many."""


class Outcome(StrEnum):
    """What came of it."""

    OK = "ok"
    REFUSED = "refused"
    """The caller was told no: a status from 400 to 499."""
    FAILED = "failed"
    """Our fault: a status from 500, or an answer that broke off."""
    GONE = "gone"
    """The client left before there was an answer."""


class Event(NamedTuple):
    """One line of the log as a request leaves it. Text is printable and cut to length; nothing in it is a secret.

    A tuple, since one is made for each request.
    """

    at: datetime
    request_id: str
    action: Action
    outcome: Outcome
    status: int
    """Of HTTP; 0 where there was no answer."""
    error: str
    """The class of ``errors`` that was raised; ``""`` for none."""
    door: str
    """The dialect."""
    route: str
    """Method and path as they are routed, parameters in braces: what a client put into a path or query is not kept."""
    address: str
    agent: str
    user: int | None
    """Numbers of rows, where they are known. They are no references: an event outlives what it is about."""
    token: str
    """The public id of the credential."""
    space: int | None
    space_id: str
    """The public id of the space that was asked for, real or not; counts where ``space`` is not known."""
    upload: int | None
    path: str
    """The public name that was asked for, real or not; counts where ``upload`` is not known."""
    bytes: int
    """Of the file for uploads, else of the answer's body as far as it was handed to the server."""
    detail: str
    """What else names it: the client's name of an uploaded file, the record of a link, the recipe of a variant."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One line of the log as it is read; ids are ``""`` where there was none or the row is gone."""

    number: int
    """In the order of writing."""
    at: datetime
    request_id: str
    action: Action
    outcome: Outcome
    status: int
    error: str
    door: str
    route: str
    address: str
    agent: str
    user_id: str
    login: str
    token: str
    space_id: str
    file_id: str
    file_name: str
    """As the client called it."""
    bytes: int
    detail: str


@dataclass(frozen=True, slots=True)
class Search:
    """Which events are wanted; what is empty does not count."""

    since: datetime | None = None
    """Inclusive."""
    until: datetime | None = None
    """Exclusive."""
    user: str = ""
    """A login or a public id."""
    space: str = ""
    """A public id."""
    file: str = ""
    """A public id, the number that Pika calls an id, or a public name."""
    upload: int | None = None
    """As ``file``, for those who looked it up themselves."""
    action: Action | None = None
    outcome: Outcome | None = None
    address: str = ""


def outcome_of(status: int, error: str) -> Outcome:
    """What a status, and an error that was raised or not, come to."""
    if status == 0:
        return Outcome.GONE
    if 400 <= status < 500:  # noqa: PLR2004  HTTP's own bounds
        return Outcome.REFUSED
    return Outcome.FAILED if error or status >= 500 else Outcome.OK  # noqa: PLR2004
