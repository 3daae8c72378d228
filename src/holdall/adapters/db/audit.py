"""Administrative acts, in a chain."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from holdall.adapters.chance import SystemClock
from holdall.adapters.db.tables import audit
from holdall.domain.audit import EMPTY, Entry, Head, append

LOCK = 0x61756469740A
"""PostgreSQL's advisory locks are numbers; this one spells ``audit`` and a line feed."""
_TAKE_TURNS = select(func.pg_advisory_xact_lock(LOCK))
_ENTRY = (
    audit.c.number,
    audit.c.at,
    audit.c.actor,
    audit.c.act,
    audit.c.subject,
    audit.c.details,
    audit.c.hash,
)
"""In the order of ``Entry``'s fields."""
_HEAD = select(audit.c.number, audit.c.hash).where(audit.c.number > 0).order_by(audit.c.number.desc()).limit(1)
_ENTRIES = select(*_ENTRY).where(audit.c.number > bindparam("after")).order_by(audit.c.number).limit(bindparam("limit"))
_APPEND = insert(audit)
_clock = SystemClock()


class SqlAudit:
    """``ports.Audit`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, actor: str, act: str, subject: str, details: Mapping[str, Any]) -> Entry:
        """Append an act; whoever comes second waits for the first one's commit, and then sees its entry."""
        if self._connection.dialect.name != "sqlite":  # which has one writer at a time anyway
            self._connection.execute(_TAKE_TURNS)
        entry = append(self.head(), _clock.now(), actor, act, subject, details)
        self._connection.execute(
            _APPEND,
            {
                "number": entry.number,
                "at": entry.at,
                "actor": entry.actor,
                "act": entry.act,
                "subject": entry.subject,
                "details": entry.details,
                "hash": entry.hash,
            },
        )
        return entry

    def entries(self, *, after: int = 0, limit: int) -> list[Entry]:
        """Entries numbered over ``after``, in order."""
        return [Entry(*row) for row in self._connection.execute(_ENTRIES, {"after": after, "limit": limit})]

    def head(self) -> Head:
        """The end of the chain."""
        row = self._connection.execute(_HEAD).first()
        return EMPTY if row is None else Head(*row)
