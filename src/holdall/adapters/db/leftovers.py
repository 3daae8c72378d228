"""Which row names what lies in the blob store, and how many rows are past their time."""

from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, func, or_, select

from holdall.adapters.db.tables import (
    access_log,
    blobs,
    dropped_fields,
    idempotency,
    nodes,
    reservations,
    uploads,
    variants,
)
from holdall.domain.files import BlobState
from holdall.domain.leftovers import Owner, Use

# All keys have one shape, so that these bounds hold whatever the database's order of letters is.
_FIRST, _LAST = "00/" + "0" * 32, "ff/" + "f" * 32
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
# Of blobs with deleted uploads, which are few, the upload that was, or will be, deleted last.
_another = uploads.alias("another")
_LAST_DELETED = (
    select(
        uploads.c.blob_id,
        func.max(
            func.coalesce(uploads.c.deleted_at, bindparam("never", _NEVER, type_=uploads.c.deleted_at.type)),
            type_=uploads.c.deleted_at.type,
        ),
    )
    .where(uploads.c.blob_id.in_(select(_another.c.blob_id).where(_another.c.deleted_at.is_not(None))))
    .group_by(uploads.c.blob_id)
)
_BLOBS = select(blobs.c.key, blobs.c.size, blobs.c.touched_at, blobs.c.id, blobs.c.state).where(
    blobs.c.key.between(bindparam("first"), bindparam("last"))
)
_VARIANTS = (
    select(variants.c.key, variants.c.size, blobs.c.touched_at, blobs.c.id, blobs.c.state)
    .join_from(variants, blobs, variants.c.blob_id == blobs.c.id)
    .where(variants.c.key.between(bindparam("first"), bindparam("last")))
)
_RESERVED = select(reservations.c.key, reservations.c.reserved_at).where(
    reservations.c.key.between(bindparam("first"), bindparam("last"))
)
_DELETED = select(func.count()).where(uploads.c.deleted_at.is_not(None), uploads.c.deleted_at < bindparam("before"))
_CLAIMS = select(func.count()).where(idempotency.c.expires_at <= bindparam("before"))
_NODES = select(func.count()).where(nodes.c.deleted_at.is_not(None), nodes.c.deleted_at < bindparam("before"))
_FIELDS = select(func.count()).select_from(dropped_fields)
_NEWEST = select(func.max(access_log.c.id)).scalar_subquery()
_EVENTS = select(func.count()).where(
    or_(access_log.c.at < bindparam("before"), access_log.c.id <= _NEWEST - bindparam("keep"))
)


class SqlLeftovers:
    """``ports.Leftovers`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def owners(self, beginning: str, deleted_before: datetime) -> list[Owner]:
        """The rows that name keys of this beginning."""
        return [*self._owners(beginning, deleted_before)]

    def deleted(self, before: datetime) -> int:
        """How many uploads were deleted before this time."""
        return self._connection.scalar(_DELETED, {"before": before}) or 0

    def claims(self, before: datetime) -> int:
        """How many idempotency keys expired before this time."""
        return self._connection.scalar(_CLAIMS, {"before": before}) or 0

    def structure(self, before: datetime) -> int:
        """How many nodes were deleted before this time, and fields at any."""
        nodes_due: int = self._connection.scalar(_NODES, {"before": before}) or 0
        return nodes_due + (self._connection.scalar(_FIELDS) or 0)

    def events(self, before: datetime, keep: int) -> int:
        """How many events of the access log are older, or beyond the newest ``keep``."""
        return self._connection.scalar(_EVENTS, {"before": before, "keep": keep}) or 0

    def _owners(self, beginning: str, deleted_before: datetime) -> Iterator[Owner]:
        within = {"first": beginning + _FIRST[len(beginning) :], "last": beginning + _LAST[len(beginning) :]}
        last_deleted = {row[0]: row[1] for row in self._connection.execute(_LAST_DELETED)}
        for statement, is_rendition in ((_BLOBS, False), (_VARIANTS, True)):
            for key, size, touched_at, blob_id, state in self._connection.execute(statement, within):
                use = _use(last_deleted.get(blob_id), deleted_before)
                yield Owner(key, size, touched_at, blob_id, BlobState(state), use, is_rendition)
        for key, reserved_at in self._connection.execute(_RESERVED, within):
            yield Owner(key, 0, reserved_at, None)


def _use(deleted_at: datetime | None, before: datetime) -> Use:
    if deleted_at is None or deleted_at == _NEVER:
        return Use.KEPT
    return Use.DUE if deleted_at < before else Use.DELETED
