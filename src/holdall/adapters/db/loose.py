"""Uploads that hang nowhere, and since when sweeps have seen them so."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, func, or_, select, update

from holdall.adapters.db.tables import attachments, money_accounts, people, receipts, uploads

_HANGS = or_(
    *(
        exists().where(column == uploads.c.id)
        for column in (attachments.c.upload_id, receipts.c.upload_id, people.c.avatar_id, money_accounts.c.avatar_id)
    )
)
_IS_LOOSE: ColumnElement[bool] = and_(
    uploads.c.deleted_at.is_(None),
    # What Pika's clients bring for nothing in particular is only ever linked to (contract pika, section 3.1).
    uploads.c.entity != "other",
    ~_HANGS,
)
_WITHIN = and_(uploads.c.id > bindparam("after"), uploads.c.id <= bindparam("last"))
_LAST = select(func.max(uploads.c.id))
_FRESH = select(uploads.c.id).where(_WITHIN, uploads.c.loose_since.is_(None), _IS_LOOSE)
# Few rows have a time there, and an index holds those: the condition says so in the index's own words.
_is_noted = uploads.c.loose_since.is_not(None)
_HUNG = select(uploads.c.id).where(_is_noted, _HANGS)
_DUE = (
    select(uploads.c.id)
    .where(_is_noted, uploads.c.loose_since < bindparam("before"), _IS_LOOSE)
    .order_by(uploads.c.loose_since, uploads.c.id)
    .limit(bindparam("limit"))
)
_NOTE = (
    update(uploads).where(uploads.c.id.in_(bindparam("numbers", expanding=True))).values(loose_since=bindparam("at"))
)
# A tie that comes refers to the row (FOR KEY SHARE): it is waited for, and then seen; or it waits, and sees no upload.
_HOLD = (
    select(uploads.c.id)
    .where(uploads.c.id.in_(bindparam("numbers", expanding=True)))
    .order_by(uploads.c.id)
    .with_for_update()
)
_DELETE = (
    update(uploads)
    .where(
        uploads.c.id.in_(bindparam("numbers", expanding=True)),
        _is_noted,
        uploads.c.loose_since < bindparam("before"),
        _IS_LOOSE,
    )
    .values(deleted_at=bindparam("at"), loose_since=None)
    .returning(uploads.c.id)
)
_COUNT = select(func.count()).select_from(uploads).where(_IS_LOOSE)
_COUNT_DUE = _COUNT.where(_is_noted, uploads.c.loose_since < bindparam("before"))


class SqlLoose:
    """``ports.Loose`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def last(self) -> int:
        """The highest number of an upload."""
        return self._connection.scalar(_LAST) or 0

    def fresh(self, *, after: int, last: int) -> list[int]:
        """Uploads that hang nowhere and are not noted yet."""
        return list(self._connection.scalars(_FRESH, {"after": after, "last": last}))

    def hung(self) -> list[int]:
        """Uploads that are noted, and hang somewhere again."""
        return list(self._connection.scalars(_HUNG))

    def note(self, numbers: list[int], now: datetime | None) -> None:
        """Note since when they have been loose; ``None``: they are not."""
        if numbers:
            self._connection.execute(_NOTE, {"numbers": numbers, "at": now})

    def due(self, before: datetime, limit: int) -> list[int]:
        """Uploads that have been loose since before this time, the longest first."""
        return list(self._connection.scalars(_DUE, {"before": before, "limit": limit}))

    def delete(self, numbers: list[int], before: datetime, now: datetime) -> list[int]:
        """Put those of them out of sight that have been loose since before this time, and still are."""
        self._connection.execute(_HOLD, {"numbers": numbers})
        return list(self._connection.scalars(_DELETE, {"numbers": numbers, "before": before, "at": now}))

    def count(self) -> int:
        """How many uploads hang nowhere."""
        return self._connection.scalar(_COUNT) or 0

    def count_due(self, before: datetime) -> int:
        """How many have been loose since before this time."""
        return self._connection.scalar(_COUNT_DUE, {"before": before}) or 0
