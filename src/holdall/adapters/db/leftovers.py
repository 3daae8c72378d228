"""Which row names what lies in the blob store, and how many rows are past their time."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Exists, bindparam, exists, func, or_, select

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
_is_theirs = uploads.c.blob_id == blobs.c.id
_OF_BLOB: tuple[Exists, ...] = (
    exists().where(_is_theirs),
    exists().where(_is_theirs, uploads.c.deleted_at.is_(None)),
    exists().where(_is_theirs, uploads.c.deleted_at >= bindparam("deleted")),
)
_BLOBS = select(blobs.c.key, blobs.c.size, blobs.c.touched_at, blobs.c.id, blobs.c.state, *_OF_BLOB).where(
    blobs.c.key.between(bindparam("first"), bindparam("last"))
)
_VARIANTS = (
    select(variants.c.key, variants.c.size, blobs.c.touched_at, blobs.c.id, blobs.c.state, *_OF_BLOB)
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
        first, last = beginning + _FIRST[len(beginning) :], beginning + _LAST[len(beginning) :]
        return [*self._owners({"first": first, "last": last, "deleted": deleted_before})]

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

    def _owners(self, within: dict[str, Any]) -> Iterator[Owner]:
        for row in self._connection.execute(_BLOBS, within):
            yield _owner(row, is_rendition=False)
        for row in self._connection.execute(_VARIANTS, within):
            yield _owner(row, is_rendition=True)
        bounds = {"first": within["first"], "last": within["last"]}
        for key, reserved_at in self._connection.execute(_RESERVED, bounds):
            yield Owner(key, 0, reserved_at, None)


def _owner(row: Sequence[Any], *, is_rendition: bool) -> Owner:
    key, size, touched_at, blob_id, state, has_any, has_one_there, has_one_in_grace = row
    use = Use.KEPT if has_one_there or not has_any else Use.DELETED if has_one_in_grace else Use.DUE
    return Owner(key, size, touched_at, blob_id, BlobState(state), use, is_rendition)
