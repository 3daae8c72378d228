"""Lost blobs made whole: by the same content that came again, or by their own bytes that are back."""

from typing import Any

from sqlalchemy import Connection, bindparam, exists, literal_column, select, update

from holdall.adapters.db.audit import SqlAudit
from holdall.adapters.db.quotas import FORGET_HOLDERS_OF_BLOB
from holdall.adapters.db.tables import blobs, uploads

_lost = blobs.alias("lost")
_is_lost = blobs.c.state == literal_column("'lost'")
HAS_LOST_TWIN = exists(
    select(_lost.c.id).where(
        _lost.c.state == literal_column("'lost'"),
        _lost.c.sha256 == bindparam("sha256"),
        _lost.c.space_id == bindparam("space_id"),
        _lost.c.mime == bindparam("mime"),
    )
)
"""Whether a content that is being kept is that of a lost blob. Asked in the very statement that keeps it."""
_LOST_TWINS = select(blobs.c.id, blobs.c.key).where(
    _is_lost,
    blobs.c.sha256 == bindparam("sha256"),
    blobs.c.space_id == bindparam("space_id"),
    blobs.c.mime == bindparam("mime"),
)
_HAND_OVER = update(uploads).where(uploads.c.blob_id == bindparam("old_id")).values(blob_id=bindparam("new_id"))
_CONDEMN = update(blobs).where(blobs.c.id == bindparam("of_blob"), _is_lost).values(state="condemned")


def heal(connection: Connection, sha256: str, space_id: int, mime: str, blob_id: int) -> None:
    """Give what hangs on lost blobs of this content to a ready one, and condemn them; on record."""
    twin: dict[str, Any] = {"sha256": sha256, "space_id": space_id, "mime": mime}
    for old_id, key in connection.execute(_LOST_TWINS, twin).all():
        connection.execute(_HAND_OVER, {"old_id": old_id, "new_id": blob_id})
        connection.execute(_CONDEMN, {"of_blob": old_id})
        connection.execute(FORGET_HOLDERS_OF_BLOB, {"blob_id": blob_id})
        SqlAudit(connection).record("server", "scrub.heal", key, {"sha256": sha256, "by": "upload"})
