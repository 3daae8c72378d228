"""What was answered to requests that carried an Idempotency-Key."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from holdall.adapters.db.tables import idempotency
from holdall.errors import Conflict
from holdall.ports import Claim

_key = (idempotency.c.actor == bindparam("of_actor")) & (idempotency.c.key == bindparam("of_key"))
_new = insert_or_not(idempotency)
# One statement takes a free key or one past its time, so that of many callers exactly one is told that it is theirs.
_CLAIM = _new.on_conflict_do_update(
    index_elements=[idempotency.c.actor, idempotency.c.key],
    set_={
        "fingerprint": _new.excluded.fingerprint,
        "answer": _new.excluded.answer,
        "expires_at": _new.excluded.expires_at,
    },
    where=idempotency.c.expires_at <= bindparam("now", type_=idempotency.c.expires_at.type),
).returning(idempotency.c.key)
_FIND = select(idempotency.c.fingerprint, idempotency.c.answer).where(_key)
_FINISH = update(idempotency).where(_key).values(answer=bindparam("new_answer"), expires_at=bindparam("until"))
_RELEASE = delete(idempotency).where(_key, idempotency.c.answer.is_(None))
_TRIES = 3
"""On PostgreSQL a key may be released between the two statements of a claim."""
_EXPIRED = (
    select(idempotency.c.actor, idempotency.c.key)
    .where(idempotency.c.expires_at <= bindparam("before"))
    .limit(bindparam("limit"))
)
_FORGET = delete(idempotency).where(tuple_(idempotency.c.actor, idempotency.c.key).in_(_EXPIRED))


class SqlIdempotency:
    """``ports.Idempotency`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, actor: str, key: str, fingerprint: str, now: datetime, expires_at: datetime) -> Claim:
        """Take the key, or say what became of it."""
        row = {"actor": actor, "key": key, "fingerprint": fingerprint, "answer": None, "expires_at": expires_at}
        for _ in range(_TRIES):
            if self._connection.scalar(_CLAIM, row | {"now": now}) is not None:
                return Claim(is_mine=True, fingerprint=fingerprint)
            found = self._connection.execute(_FIND, _named(actor, key)).first()
            if found is not None:
                return Claim(is_mine=False, fingerprint=found[0], answer=found[1])
        raise Conflict("key changes hands")

    def finish(self, actor: str, key: str, answer: object, expires_at: datetime) -> None:
        """Keep the answer; ``Conflict`` when the claim is gone, so that nothing is done twice."""
        row = _named(actor, key) | {"new_answer": answer, "until": expires_at}
        if self._connection.execute(_FINISH, row).rowcount == 0:
            raise Conflict("claim lost")

    def release(self, actor: str, key: str) -> None:
        """Give back an unfinished claim."""
        self._connection.execute(_RELEASE, _named(actor, key))

    def forget(self, before: datetime, limit: int) -> int:
        """Drop some of what expired."""
        return self._connection.execute(_FORGET, {"before": before, "limit": limit}).rowcount


def _named(actor: str, key: str) -> dict[str, Any]:
    return {"of_actor": actor, "of_key": key}
