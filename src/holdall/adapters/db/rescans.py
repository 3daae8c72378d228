"""How far scans of what is stored have come, and which blobs have no verdict."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, exists, func, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from holdall.adapters.db.files import BLOB, read_blob
from holdall.adapters.db.rows import insert_row
from holdall.adapters.db.tables import blobs, rescans, spaces, unscanned, uploads, variants
from holdall.domain.files import Blob
from holdall.domain.quarantine import Rescan
from holdall.ports import Wanted

_RESCAN = (
    rescans.c.id,
    rescans.c.scope,
    rescans.c.edition,
    rescans.c.after,
    rescans.c.checked,
    rescans.c.infected,
    rescans.c.not_scanned,
    rescans.c.missing,
    rescans.c.started_at,
    rescans.c.is_finished,
)
"""In the order of ``Rescan``'s fields."""
_FIND = select(*_RESCAN).where(rescans.c.scope == bindparam("scope"))
_FORGET = delete(rescans).where(rescans.c.scope == bindparam("of_scope"))
_BEGIN = insert(rescans)
_SAVE = update(rescans).where(rescans.c.id == bindparam("rescan_id"))
_BLOBS = (
    select(*BLOB).outerjoin_from(blobs, variants, variants.c.blob_id == blobs.c.id).order_by(blobs.c.id, variants.c.id)
)
_SPACE_NUMBER = select(spaces.c.id).where(spaces.c.public_id == bindparam("id"))
_is_ready = blobs.c.state == literal_column("'ready'")
_upsert = insert_or_not(unscanned)  # compiles for SQLite as well
# Only while the blob is ready: it may have been deleted while it was looked at.
_FLAG = _upsert.from_select(
    ["blob_id", "reason", "noticed_at"],
    select(
        blobs.c.id,
        bindparam("new_reason", type_=unscanned.c.reason.type),
        bindparam("now", type_=unscanned.c.noticed_at.type),
    ).where(blobs.c.id == bindparam("of_blob"), _is_ready),
).on_conflict_do_update(
    index_elements=[unscanned.c.blob_id],
    set_={"reason": _upsert.excluded.reason, "noticed_at": _upsert.excluded.noticed_at},
)
_UNFLAG = delete(unscanned).where(unscanned.c.blob_id == bindparam("of_blob"))
_FLAGGED = select(func.count()).select_from(unscanned).join(blobs, unscanned.c.blob_id == blobs.c.id).where(_is_ready)


class SqlRescans:
    """``ports.Rescans`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def resume(self, scope: str, edition: str, now: datetime) -> Rescan:
        """The unfinished scan of this scope under these rules, or a new one."""
        row: Sequence[Any] | None = self._connection.execute(_FIND, {"scope": scope}).first()
        earlier = None if row is None else Rescan(*row)
        if earlier is not None and earlier.edition == edition and not earlier.is_finished:
            return earlier
        self._connection.execute(_FORGET, {"of_scope": scope})
        begun = Rescan(0, scope, edition, 0, 0, 0, 0, 0, now)
        return replace(begun, number=insert_row(self._connection, _BEGIN, _row(begun, now)))

    def save(self, rescan: Rescan, now: datetime) -> None:
        """Remember how far it has come."""
        self._connection.execute(_SAVE.values(**_row(rescan, now)), {"rescan_id": rescan.number})

    def next(self, wanted: Wanted, *, after: int, limit: int) -> list[Blob]:
        """Ready blobs with ids over ``after``, in order of id."""
        ids = _ids(wanted, after).order_by(blobs.c.id).limit(limit).correlate(None)
        return _read(self._connection.execute(_BLOBS.where(blobs.c.id.in_(ids))))

    def count(self, wanted: Wanted, *, after: int) -> int:
        """How many ``next`` would give in all."""
        ids = _ids(wanted, after).subquery()
        return self._connection.scalar(select(func.count()).select_from(ids)) or 0

    def space_number(self, id: str) -> int | None:
        """The number of the space of this public id."""
        return self._connection.scalar(_SPACE_NUMBER, {"id": id})

    def flag(self, blob: Blob, reason: str, now: datetime) -> None:
        """Note that a blob was kept without a verdict."""
        self._connection.execute(_FLAG, {"of_blob": blob.id, "new_reason": reason, "now": now})

    def unflag(self, blob: Blob) -> None:
        """It has been scanned since."""
        self._connection.execute(_UNFLAG, {"of_blob": blob.id})

    def flagged(self) -> int:
        """How many blobs have no verdict."""
        return self._connection.scalar(_FLAGGED) or 0


def _ids(wanted: Wanted, after: int) -> Select[tuple[int]]:
    """The ids of the ready blobs that are wanted."""
    ids = select(blobs.c.id).where(_is_ready, blobs.c.id > after)
    if wanted.space_id is not None:
        ids = ids.where(blobs.c.space_id == wanted.space_id)
    if wanted.since is not None:
        ids = ids.where(exists().where(uploads.c.blob_id == blobs.c.id, uploads.c.created_at >= wanted.since))
    if wanted.flagged_only:
        ids = ids.where(exists().where(unscanned.c.blob_id == blobs.c.id))
    return ids


def _read(rows: Any) -> list[Blob]:
    groups: list[list[Sequence[Any]]] = [list(group) for _, group in groupby(rows, key=itemgetter(0))]
    return [read_blob(group) for group in groups]


def _row(rescan: Rescan, now: datetime) -> dict[str, Any]:
    return {
        "scope": rescan.scope,
        "edition": rescan.edition,
        "after": rescan.after,
        "checked": rescan.checked,
        "infected": rescan.infected,
        "not_scanned": rescan.not_scanned,
        "missing": rescan.missing,
        "started_at": rescan.started_at,
        "touched_at": now,
        "is_finished": rescan.is_finished,
    }
