"""What was done with files, and asked in vain."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    String,
    bindparam,
    delete,
    func,
    insert,
    select,
)

from holdall.adapters.db.tables import access_log, spaces, uploads, users
from holdall.domain.access_log import Action, Event, LoggedEvent, Outcome, Search
from holdall.errors import Missing

MAX_NUMBER = 2**63 - 1
_MAX_DIGITS = 18

_asked_space = bindparam("asked_space", type_=String)
_asked_path = bindparam("asked_path", type_=String)
_of_path = uploads.c.path == _asked_path
# What a client only asked for is looked up here, beside the requests and not within them; COALESCE stops at what is
# known. So an attempt at a file in vain stands in the log of that file.
_ADD = insert(access_log).values(
    space_id=func.coalesce(
        bindparam("known_space", type_=BigInteger),
        select(spaces.c.id).where(spaces.c.public_id == _asked_space).scalar_subquery(),
        select(uploads.c.space_id).where(_of_path).scalar_subquery(),
    ),
    upload_id=func.coalesce(
        bindparam("known_upload", type_=BigInteger), select(uploads.c.id).where(_of_path).scalar_subquery()
    ),
)
_EVENT = (
    access_log.c.id,
    access_log.c.at,
    access_log.c.request_id,
    access_log.c.action,
    access_log.c.outcome,
    access_log.c.status,
    access_log.c.error,
    access_log.c.door,
    access_log.c.route,
    access_log.c.address,
    access_log.c.agent,
    func.coalesce(users.c.public_id, ""),
    func.coalesce(users.c.login, ""),
    access_log.c.token,
    func.coalesce(spaces.c.public_id, ""),
    func.coalesce(uploads.c.public_id, ""),
    func.coalesce(uploads.c.name, ""),
    access_log.c.bytes,
    access_log.c.detail,
)
"""In the order of ``LoggedEvent``'s fields."""
_EVENTS = (
    select(*_EVENT)
    .outerjoin_from(access_log, users, users.c.id == access_log.c.user_id)
    .outerjoin(spaces, spaces.c.id == access_log.c.space_id)
    .outerjoin(uploads, uploads.c.id == access_log.c.upload_id)
    .limit(bindparam("limit"))
)
_NEWEST = select(func.coalesce(func.max(access_log.c.id), 0))
_OLD = (
    select(access_log.c.id).where(access_log.c.at < bindparam("before")).order_by(access_log.c.at),
    select(access_log.c.id).where(access_log.c.id <= bindparam("beyond")).order_by(access_log.c.id),
)
_FORGET = tuple(
    delete(access_log).where(access_log.c.id.in_(old.limit(bindparam("limit")).correlate(None).scalar_subquery()))
    for old in _OLD
)
"""By age, and by number: each along an index of its own, so that a table with nothing to drop is not walked through."""
_FIND_USER = select(users.c.id).where((users.c.login_key == bindparam("key")) | (users.c.public_id == bindparam("id")))
_FIND_SPACE = select(spaces.c.id).where(spaces.c.public_id == bindparam("id"))
_FIND_FILE = select(uploads.c.id).where(
    (uploads.c.public_id == bindparam("id")) | (uploads.c.path == bindparam("id")) | (uploads.c.id == bindparam("key"))
)


class SqlAccessLog:
    """``ports.AccessLog`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, events: Sequence[Event]) -> None:
        """Keep events, in one statement."""
        if events:
            self._connection.execute(_ADD, [_row(event) for event in events])

    def page(self, search: Search, *, before: int | None = None, limit: int) -> list[LoggedEvent]:
        """The newest events that are wanted, newest first."""
        statement = _EVENTS.where(access_log.c.id < bindparam("bound")).order_by(access_log.c.id.desc())
        return self._events(statement, search, MAX_NUMBER if before is None else before, limit)

    def after(self, search: Search, *, after: int, limit: int) -> list[LoggedEvent]:
        """The oldest of those numbered over ``after``, oldest first."""
        statement = _EVENTS.where(access_log.c.id > bindparam("bound")).order_by(access_log.c.id)
        return self._events(statement, search, after, limit)

    def newest(self) -> int:
        """The number of the newest event."""
        return int(self._connection.scalar(_NEWEST) or 0)

    def forget(self, before: datetime, keep: int, limit: int) -> int:
        """Drop what is too old or too much, oldest first."""
        by_age, by_number = _FORGET
        dropped = self._connection.execute(by_age, {"before": before, "limit": limit}).rowcount
        beyond = self.newest() - keep
        return dropped + self._connection.execute(by_number, {"beyond": beyond, "limit": limit - dropped}).rowcount

    def _events(self, statement: Select[Any], search: Search, bound: int, limit: int) -> list[LoggedEvent]:
        wanted = statement.where(*self._conditions(search))
        return [_logged(row) for row in self._connection.execute(wanted, {"bound": bound, "limit": limit})]

    def _conditions(self, search: Search) -> Iterator[ColumnElement[bool]]:
        log = access_log.c
        if search.since is not None:
            yield log.at >= search.since
        if search.until is not None:
            yield log.at < search.until
        if search.user:
            yield log.user_id == self._number("user", _FIND_USER, search.user, search.user.casefold())
        if search.space:
            yield log.space_id == self._number("space", _FIND_SPACE, search.space)
        if search.file:
            number = int(search.file) if _is_number(search.file) else 0
            yield log.upload_id == self._number("file", _FIND_FILE, search.file, number)
        if search.upload is not None:
            yield log.upload_id == search.upload
        for column, value in ((log.action, search.action), (log.outcome, search.outcome)):
            if value is not None:
                yield column == value.value
        if search.address:
            yield log.address == search.address

    def _number(self, thing: str, statement: Select[Any], id: str, key: str | int | None = None) -> int:
        parameters = {"id": id} if key is None else {"id": id, "key": key}
        number: int | None = self._connection.scalar(statement, parameters)
        if number is None:
            raise Missing(thing, id)
        return number


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS


def _row(event: Event) -> dict[str, Any]:
    return {
        "at": event.at,
        "request_id": event.request_id,
        "action": event.action.value,
        "outcome": event.outcome.value,
        "status": event.status,
        "error": event.error,
        "door": event.door,
        "route": event.route,
        "address": event.address,
        "agent": event.agent,
        "user_id": event.user,
        "token": event.token,
        "known_space": event.space,
        "asked_space": event.space_id,
        "known_upload": event.upload,
        "asked_path": event.path,
        "bytes": event.bytes,
        "detail": event.detail,
    }


def _logged(row: Sequence[Any]) -> LoggedEvent:
    number, at, request_id, action, outcome, *rest = row
    return LoggedEvent(number, at, request_id, Action(action), Outcome(outcome), *rest)
