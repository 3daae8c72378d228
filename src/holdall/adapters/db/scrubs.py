"""How far scrubs have come, and what they do about blobs whose bytes are gone or damaged."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from holdall.adapters.db.files import BLOB, read_blob
from holdall.adapters.db.mending import heal
from holdall.adapters.db.quotas import FORGET_HOLDERS_OF_BLOB
from holdall.adapters.db.rows import portions
from holdall.adapters.db.tables import IS_UNDER_WAY, blobs, reservations, scrubs, variants
from holdall.domain.files import Blob, BlobState, Variant
from holdall.domain.scrubs import Scrub

_SCRUB = (
    scrubs.c.id,
    scrubs.c.after,
    scrubs.c.checked,
    scrubs.c.bytes,
    scrubs.c.lost,
    scrubs.c.found,
    scrubs.c.renditions,
    scrubs.c.unread,
    scrubs.c.started_at,
    scrubs.c.touched_at,
    scrubs.c.is_finished,
)
"""In the order of ``Scrub``'s fields."""
_LAST = select(*_SCRUB).where(scrubs.c.id > 0).order_by(scrubs.c.id.desc()).limit(1)
_LAST_FINISHED = select(*_SCRUB).where(scrubs.c.id > 0, scrubs.c.is_finished).order_by(scrubs.c.id.desc()).limit(1)
_BEGIN = (
    insert_or_not(scrubs)  # compiles for SQLite as well
    .on_conflict_do_nothing(index_elements=[scrubs.c.is_finished], index_where=IS_UNDER_WAY)
    .returning(scrubs.c.id)
)
_ADVANCE = update(scrubs).where(scrubs.c.id == bindparam("scrub_id"), scrubs.c.after == bindparam("was_after"))
# Spelled out, as in ``files``: for the partial indexes.
_is_ready = blobs.c.state == literal_column("'ready'")
_is_lost = blobs.c.state == literal_column("'lost'")
_LEFT = select(func.count(), func.coalesce(func.sum(blobs.c.size), 0)).where(_is_ready, blobs.c.id > bindparam("after"))
_LOST_IDS = select(blobs.c.id).where(_is_lost)
_COUNT_LOST = select(func.count()).select_from(blobs).where(_is_lost)
_BY_ID = (
    select(*BLOB)
    .outerjoin_from(blobs, variants, variants.c.blob_id == blobs.c.id)
    .where(blobs.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(blobs.c.id, variants.c.id)
)
_LOSE = update(blobs).where(blobs.c.id == bindparam("of_blob"), _is_ready).values(state=BlobState.LOST.value)
_REGAIN = update(blobs).where(blobs.c.id == bindparam("of_blob"), _is_lost).values(state=BlobState.READY.value)
_TWIN = select(blobs.c.id).where(
    _is_ready,
    blobs.c.space_id == bindparam("space_id"),
    blobs.c.sha256 == bindparam("sha256"),
    blobs.c.mime == bindparam("mime"),
)
_VARIANT_KEYS = select(variants.c.key).where(variants.c.blob_id == bindparam("of_blob"))
_DROP_VARIANT = delete(variants).where(
    variants.c.blob_id == bindparam("of_blob"), variants.c.key == bindparam("of_key")
)
_CONDEMN_KEY = insert(reservations)


class SqlScrubs:
    """``ports.Scrubs`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def last(self) -> Scrub | None:
        """The newest scrub."""
        return _scrub(self._connection.execute(_LAST).first())

    def last_finished(self) -> Scrub | None:
        """The newest scrub that came to its end."""
        return _scrub(self._connection.execute(_LAST_FINISHED).first())

    def begin(self, now: datetime) -> Scrub:
        """A new scrub, from the beginning; or the one that somebody else began meanwhile."""
        begun = Scrub(0, 0, 0, 0, 0, 0, 0, 0, now, now)
        number = self._connection.scalar(_BEGIN, _row(begun))
        return (self.last() or begun) if number is None else replace(begun, number=number)

    def advance(self, scrub: Scrub, *, after: int) -> bool:
        """Remember how far it has come, unless another process was there first."""
        where = {"scrub_id": scrub.number, "was_after": after}
        return self._connection.execute(_ADVANCE.values(**_row(scrub)), where).rowcount > 0

    def left(self, *, after: int) -> tuple[int, int]:
        """How many ready blobs there are with ids over ``after``, and their bytes."""
        count, size = self._connection.execute(_LEFT, {"after": after}).one()
        return count, int(size)

    def lost(self) -> list[Blob]:
        """The lost blobs, in order of id."""
        return self._find(self._connection.scalars(_LOST_IDS))

    def ready(self, ids: Collection[int]) -> list[Blob]:
        """Those of these blobs that are ready, in order of id."""
        return [blob for blob in self._find(ids) if blob.state is BlobState.READY]

    def count_lost(self) -> int:
        """How many blobs are lost."""
        return self._connection.scalar(_COUNT_LOST) or 0

    def lose(self, blob: Blob, now: datetime) -> bool:
        """Mark a ready blob as lost; its renditions go."""
        self._connection.execute(FORGET_HOLDERS_OF_BLOB, {"blob_id": blob.id})
        if self._connection.execute(_LOSE, {"of_blob": blob.id}).rowcount == 0:
            return False
        for key in self._connection.scalars(_VARIANT_KEYS, {"of_blob": blob.id}).all():
            self._drop(blob, key, now)
        return True

    def regain(self, blob: Blob) -> bool:
        """Make a lost blob ready again, or hand its uploads to a twin."""
        twin = {"space_id": blob.space_id, "sha256": blob.sha256, "mime": blob.mime}
        twin_id = self._connection.scalar(_TWIN, twin)
        if twin_id is not None:
            heal(self._connection, blob.sha256, blob.space_id, blob.mime, twin_id)
            return True
        is_regained = self._connection.execute(_REGAIN, {"of_blob": blob.id}).rowcount > 0
        self._connection.execute(FORGET_HOLDERS_OF_BLOB, {"blob_id": blob.id})
        return is_regained

    def drop_variant(self, blob: Blob, variant: Variant, now: datetime) -> bool:
        """Forget a rendition; its bytes are for a sweep."""
        return self._drop(blob, variant.key, now)

    def _find(self, ids: Iterable[int]) -> list[Blob]:
        wanted = sorted(ids)
        rows = (row for some in portions(wanted) for row in self._connection.execute(_BY_ID, {"ids": some}))
        return [read_blob(list(group)) for _, group in groupby(rows, key=itemgetter(0))]

    def _drop(self, blob: Blob, key: str, now: datetime) -> bool:
        if self._connection.execute(_DROP_VARIANT, {"of_blob": blob.id, "of_key": key}).rowcount == 0:
            return False
        self._connection.execute(_CONDEMN_KEY, {"key": key, "is_condemned": True, "reserved_at": now})
        return True


def _scrub(row: Sequence[Any] | None) -> Scrub | None:
    return None if row is None else Scrub(*row)


def _row(scrub: Scrub) -> dict[str, Any]:
    return {
        "after": scrub.after,
        "checked": scrub.checked,
        "bytes": scrub.bytes,
        "lost": scrub.lost,
        "found": scrub.found,
        "renditions": scrub.renditions,
        "unread": scrub.unread,
        "started_at": scrub.started_at,
        "touched_at": scrub.touched_at,
        "is_finished": scrub.is_finished,
    }
