"""What was done to records."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from holdall.adapters.db.access_log import MAX_NUMBER
from holdall.adapters.db.tables import history, members, nodes, users
from holdall.domain.access import User
from holdall.domain.history import Deed, DoneDeed, NewDeed
from holdall.domain.people import Person
from holdall.domain.records import Database

_ADD = insert(history)
_PAGE = (
    select(
        history.c.id,
        history.c.revision,
        history.c.deed,
        history.c.changes,
        history.c.at,
        func.coalesce(members.c.public_id, users.c.public_id, ""),
        func.coalesce(users.c.name, ""),
    )
    .join_from(history, nodes, history.c.node_id == nodes.c.id)
    .outerjoin(users, history.c.user_id == users.c.id)
    .outerjoin(members, (members.c.user_id == users.c.id) & (members.c.space_id == nodes.c.space_id))
    .where(
        history.c.record == bindparam("record_id"),
        history.c.node_id == bindparam("node_id"),
        history.c.id < bindparam("before"),
    )
    .order_by(history.c.id.desc())
    .limit(bindparam("limit"))
)


class SqlHistory:
    """``ports.History`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, database: Database, deeds: Sequence[NewDeed], user: User, now: datetime) -> None:
        """Keep what was done."""
        if deeds:
            self._connection.execute(_ADD, [_row(database, deed, user, now) for deed in deeds])

    def page(self, database: Database, record_id: str, *, before: int | None = None, limit: int) -> list[DoneDeed]:
        """What was done to a record, newest first."""
        parameters = {
            "record_id": record_id,
            "node_id": database.node.number,
            "before": MAX_NUMBER if before is None else before,
            "limit": limit,
        }
        return [_deed(row) for row in self._connection.execute(_PAGE, parameters)]


def _row(database: Database, deed: NewDeed, user: User, now: datetime) -> dict[str, Any]:
    return {
        "node_id": database.node.number,
        "record": deed.record_id,
        "revision": deed.revision,
        "deed": deed.deed.value,
        "changes": deed.changes,
        "user_id": user.number,
        "at": now,
    }


def _deed(row: Sequence[Any]) -> DoneDeed:
    number, revision, deed, changes, at, person_id, name = row
    return DoneDeed(number, revision, Deed(deed), changes, Person(person_id, name), at)
