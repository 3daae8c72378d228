"""Sums of what spaces and users keep, against their quotas."""

from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from holdall.adapters.db.tables import blobs, uploads, usage
from holdall.domain.quota import Holder, HolderKind, Quota, Usage, exceeded

_is_ready = blobs.c.state == literal_column("'ready'")  # spelled out, as in ``files``: for the partial indexes
_number: BindParameter[int] = bindparam("number")
_the_holders = (usage.c.kind == bindparam("of_kind")) & (usage.c.number == bindparam("of_number"))
_max_bytes: BindParameter[int] = bindparam("max_bytes")
_max_files: BindParameter[int] = bindparam("max_files")
_more_bytes, _more_files = usage.c.bytes + bindparam("added_bytes"), usage.c.files + bindparam("added_files")

_FIND = select(usage.c.bytes, usage.c.files).where(_the_holders)
# One statement looks and adds, so that of all who come at once exactly those are let in for whom there is room: SQLite
# writes one transaction after the other, and PostgreSQL looks at the row again once it had to wait for it.
_CHARGE = (
    update(usage)
    .where(
        _the_holders,
        (_max_bytes == 0) | (_more_bytes <= _max_bytes),
        (_max_files == 0) | (_more_files <= _max_files),
    )
    .values(bytes=_more_bytes, files=_more_files)
)
_KEEP = insert_or_not(usage).on_conflict_do_nothing(index_elements=[usage.c.kind, usage.c.number])
_FORGET = delete(usage).where(_the_holders)
_FORGET_ALL = delete(usage)


_SUM = select(func.coalesce(func.sum(blobs.c.size), 0), func.count()).where(_is_ready)
_COUNT: dict[HolderKind, Any] = {
    HolderKind.SPACE: _SUM.where(blobs.c.space_id == _number),
    HolderKind.USER: _SUM.where(blobs.c.id.in_(select(uploads.c.blob_id).where(uploads.c.user_id == _number))),
}
_blob_id: BindParameter[int] = bindparam("blob_id")
_its_space = select(blobs.c.space_id).where(blobs.c.id == _blob_id)
_its_users = select(uploads.c.user_id).where(uploads.c.blob_id == _blob_id)
FORGET_HOLDERS_OF_BLOB = delete(usage).where(
    ((usage.c.kind == literal_column("'space'")) & usage.c.number.in_(_its_space))
    | ((usage.c.kind == literal_column("'user'")) & usage.c.number.in_(_its_users))
)
"""For whatever makes a blob count no more: the sums that it is in are counted anew when next asked for."""


class SqlQuotaBook:
    """``ports.QuotaBook`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def used(self, holder: Holder) -> Usage:
        """How much the holder keeps."""
        return self._kept(holder) or self._count(holder)

    def charge(self, holder: Holder, added: Usage, quota: Quota) -> None:
        """Add to what the holder keeps, unless it would be too much."""
        if self._add(holder, added, quota):
            return
        if self._kept(holder) is None:
            counted = self._count(holder)
            row = {"kind": holder.kind.value, "number": holder.number}
            self._connection.execute(_KEEP, row | {"bytes": counted.bytes, "files": counted.files})
            if self._add(holder, added, quota):
                return
        raise exceeded(holder, quota, quota.overstepped(self.used(holder) + added) or "bytes")

    def forget(self, holder: Holder | None = None) -> None:
        """Have the holder's sum, or everybody's, counted anew."""
        if holder is None:
            self._connection.execute(_FORGET_ALL)
        else:
            self._connection.execute(_FORGET, _named(holder))

    def _add(self, holder: Holder, added: Usage, quota: Quota) -> bool:
        row = {"added_bytes": added.bytes, "added_files": added.files}
        limits = {"max_bytes": quota.max_bytes, "max_files": quota.max_files}
        return self._connection.execute(_CHARGE, _named(holder) | row | limits).rowcount > 0

    def _kept(self, holder: Holder) -> Usage | None:
        row = self._connection.execute(_FIND, _named(holder)).first()
        return None if row is None else Usage(*row)

    def _count(self, holder: Holder) -> Usage:
        size, files = self._connection.execute(_COUNT[holder.kind], {"number": holder.number}).one()
        return Usage(int(size), files)


def _named(holder: Holder) -> dict[str, Any]:
    return {"of_kind": holder.kind.value, "of_number": holder.number}
