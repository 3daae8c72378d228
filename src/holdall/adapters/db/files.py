"""Blobs, their variants, and uploads."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, delete, insert, literal_column, select, union_all, update
from sqlalchemy.exc import IntegrityError

from holdall.adapters.db.rows import insert_row
from holdall.adapters.db.tables import blobs, uploads, variants
from holdall.domain.files import Blob, BlobState, Purpose, Upload, Variant
from holdall.errors import Conflict
from holdall.ports import NewBlob, NewUpload

VARIANT = (
    variants.c.recipe,
    variants.c.key,
    variants.c.size,
    variants.c.mime,
    variants.c.sha256,
    variants.c.width,
    variants.c.height,
)
"""In the order of ``Variant``'s fields."""
BLOB = (
    blobs.c.id,
    blobs.c.space_id,
    blobs.c.key,
    blobs.c.sha256,
    blobs.c.size,
    blobs.c.mime,
    blobs.c.state,
    blobs.c.width,
    blobs.c.height,
    *VARIANT,
)
"""One row for each variant, or one with an empty variant; ``read_blob`` wants these columns last."""
UPLOAD = (
    uploads.c.id,
    uploads.c.public_id,
    uploads.c.space_id,
    uploads.c.user_id,
    uploads.c.name,
    uploads.c.path,
    uploads.c.door,
    uploads.c.kind,
    uploads.c.entity,
    uploads.c.created_at,
    *BLOB,
)
"""As ``BLOB``, with the upload in front; ``read_upload`` wants these columns last."""
MANY = 1000
"""Names asked for in one statement: under every engine's limit on parameters."""

_is_ready = blobs.c.state == literal_column("'ready'")
_is_unfinished = blobs.c.state != literal_column("'ready'")
_BLOBS = (
    select(*BLOB).outerjoin_from(blobs, variants, variants.c.blob_id == blobs.c.id).order_by(blobs.c.id, variants.c.id)
)
_FIND_BLOB = _BLOBS.where(blobs.c.id == bindparam("id"))
_FIND_READY = _BLOBS.where(
    blobs.c.space_id == bindparam("space_id"),
    blobs.c.sha256 == bindparam("sha256"),
    blobs.c.mime == bindparam("mime"),
    _is_ready,
)
_OLDEST_UNFINISHED = (
    select(blobs.c.id)
    .where(_is_unfinished, blobs.c.touched_at < bindparam("before"))
    .order_by(blobs.c.touched_at, blobs.c.id)
    .limit(bindparam("limit"))
    .correlate(None)
)
_UNFINISHED = (
    _BLOBS.where(blobs.c.id.in_(_OLDEST_UNFINISHED))
    .order_by(None)
    .order_by(blobs.c.touched_at, blobs.c.id, variants.c.id)
)
_NEXT_READY = (
    select(blobs.c.id)
    .where(_is_ready, blobs.c.id > bindparam("after"))
    .order_by(blobs.c.id)
    .limit(bindparam("limit"))
    .correlate(None)
)
_READY = _BLOBS.where(blobs.c.id.in_(_NEXT_READY))
_NAMED = union_all(
    *(select(table.c.key).where(table.c.key.in_(bindparam("keys", expanding=True))) for table in (blobs, variants))
)
_RESERVE = insert(blobs)
_RESERVE_VARIANT = insert(variants)
_CONFIRM = (
    update(blobs)
    .where(
        blobs.c.id == bindparam("blob_id"),
        blobs.c.key == bindparam("blob_key"),
        blobs.c.state == BlobState.PENDING.value,
    )
    .values(state=BlobState.READY.value)
)
_CONDEMN = update(blobs).where(blobs.c.id == bindparam("blob_id")).values(state=BlobState.CONDEMNED.value)
_REMOVE = delete(blobs).where(blobs.c.id == bindparam("blob_id"), _is_unfinished)

_NEW_UPLOAD = uploads.c[
    "public_id", "space_id", "user_id", "blob_id", "name", "path", "door", "kind", "entity", "created_at"
]
# Only while the blob is ready, which on PostgreSQL it then stays until the commit (FOR SHARE).
_ADD_UPLOAD = (
    insert(uploads)
    .from_select(
        [column.name for column in _NEW_UPLOAD],
        select(*(bindparam(column.name, type_=column.type) for column in _NEW_UPLOAD))
        .where(blobs.c.id == bindparam("blob_id"), _is_ready)
        .with_for_update(read=True, of=blobs),
    )
    .returning(uploads.c.id)
)
_UPLOADS = (
    select(*UPLOAD)
    .join_from(uploads, blobs, uploads.c.blob_id == blobs.c.id)
    .outerjoin(variants, variants.c.blob_id == blobs.c.id)
    .order_by(uploads.c.id, variants.c.id)
)
_FIND_UPLOADS = _UPLOADS.where(
    uploads.c.space_id == bindparam("space_id"), uploads.c.public_id.in_(bindparam("ids", expanding=True))
)
_FIND_BY_PATH = _UPLOADS.where(uploads.c.path == bindparam("path"))
_FIND_BY_NUMBER = _UPLOADS.where(uploads.c.id == bindparam("number"))


class SqlFiles:
    """``ports.Files`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find_ready(self, space_id: int, sha256: str, mime: str) -> Blob | None:
        """The space's ready blob with this content."""
        return self._blob(_FIND_READY, space_id=space_id, sha256=sha256, mime=mime)

    def reserve(self, blob: NewBlob, now: datetime) -> Blob:
        """Keep a ``pending`` row, and one for each variant."""
        row = {
            "space_id": blob.space_id,
            "key": blob.key,
            "sha256": blob.sha256,
            "size": blob.size,
            "mime": blob.mime,
            "state": BlobState.PENDING.value,
            "width": blob.width,
            "height": blob.height,
            "touched_at": now,
        }
        id = insert_row(self._connection, _RESERVE, row)
        if blob.variants:
            self._connection.execute(_RESERVE_VARIANT, [_variant_row(id, variant) for variant in blob.variants])
        return Blob(
            id,
            blob.space_id,
            blob.key,
            blob.sha256,
            blob.size,
            blob.mime,
            BlobState.PENDING,
            blob.width,
            blob.height,
            blob.variants,
        )

    def confirm(self, blob: Blob) -> Blob:
        """Make a pending blob ready, or condemn it and return the twin that was ready first. Safe to repeat."""
        try:
            with self._attempt():
                row = {"blob_id": blob.id, "blob_key": blob.key}
                is_confirmed = self._connection.execute(_CONFIRM, row).rowcount > 0
        except IntegrityError:
            return self._yield_to_twin(blob)
        if is_confirmed:
            return replace(blob, state=BlobState.READY)
        return self._confirmed_before(blob)

    def condemn(self, blob: Blob) -> None:
        """Mark a blob's bytes for deletion."""
        self._connection.execute(_CONDEMN, {"blob_id": blob.id})

    def remove(self, blob: Blob) -> None:
        """Forget a condemned or pending blob; its variants go with it."""
        self._connection.execute(_REMOVE, {"blob_id": blob.id})

    def unfinished(self, before: datetime, limit: int) -> list[Blob]:
        """Pending and condemned blobs last touched before this time, oldest first."""
        return list(_blobs(self._connection.execute(_UNFINISHED, {"before": before, "limit": limit})))

    def named(self, keys: Sequence[str]) -> set[str]:
        """Those of ``keys`` that some row names."""
        portions = (keys[start : start + MANY] for start in range(0, len(keys), MANY))
        return {key for portion in portions for key in self._connection.scalars(_NAMED, {"keys": list(portion)})}

    def ready(self, *, after: int, limit: int) -> list[Blob]:
        """Ready blobs with ids over ``after``, in order of id."""
        return list(_blobs(self._connection.execute(_READY, {"after": after, "limit": limit})))

    def add_upload(self, upload: NewUpload, blob: Blob, now: datetime) -> Upload:
        """Keep an upload of a ready blob; ``Conflict`` when the blob is not ready any more."""
        number = self._connection.scalar(
            _ADD_UPLOAD,
            {
                "public_id": upload.id,
                "space_id": upload.space_id,
                "user_id": upload.user_id,
                "blob_id": blob.id,
                "name": upload.name,
                "path": upload.path,
                "door": upload.purpose.door,
                "kind": upload.purpose.kind,
                "entity": upload.purpose.entity,
                "created_at": now,
            },
        )
        if number is None:
            raise Conflict("blob not ready")
        return Upload(
            number,
            upload.id,
            upload.space_id,
            upload.user_id,
            blob,
            upload.name,
            upload.path,
            upload.purpose,
            now,
        )

    def find_uploads(self, space_id: int, ids: Sequence[str]) -> dict[str, Upload]:
        """Those of these uploads that belong to the space, by id."""
        if not ids:
            return {}
        rows = self._connection.execute(_FIND_UPLOADS, {"space_id": space_id, "ids": list(ids)})
        uploads = (read_upload(list(group)) for _, group in groupby(rows, key=itemgetter(0)))
        return {upload.id: upload for upload in uploads}

    def find_by_path(self, path: str) -> Upload | None:
        """The upload with this public name."""
        rows = self._connection.execute(_FIND_BY_PATH, {"path": path}).all()
        return read_upload(rows) if rows else None

    def find_by_number(self, number: int) -> Upload | None:
        """The upload of this number."""
        rows = self._connection.execute(_FIND_BY_NUMBER, {"number": number}).all()
        return read_upload(rows) if rows else None

    def _blob(self, statement: Executable, **parameters: int | str) -> Blob | None:
        rows = self._connection.execute(statement, parameters).all()
        return read_blob(rows) if rows else None

    def _attempt(self) -> AbstractContextManager[object]:
        """Keep the transaction usable after a refused statement, which SQLite does by itself at no cost."""
        return nullcontext() if self._connection.dialect.name == "sqlite" else self._connection.begin_nested()

    def _yield_to_twin(self, blob: Blob) -> Blob:
        self.condemn(blob)
        twin = self.find_ready(blob.space_id, blob.sha256, blob.mime)
        if twin is None:
            raise Conflict("twin vanished")
        return twin

    def _confirmed_before(self, blob: Blob) -> Blob:
        kept = self._blob(_FIND_BLOB, id=blob.id)
        if kept is None or kept.key != blob.key or kept.state is not BlobState.READY:
            raise Conflict("blob swept")
        return kept


def read_upload(rows: Sequence[Sequence[Any]]) -> Upload:
    """Read an upload from its rows, which differ only in their variants."""
    columns = rows[0][-len(UPLOAD) : -len(BLOB)]
    number, id, space_id, user_id, name, path, door, kind, entity, created_at = columns
    purpose = Purpose(door, kind, entity)
    return Upload(number, id, space_id, user_id, read_blob(rows), name, path, purpose, created_at)


def read_blob(rows: Sequence[Sequence[Any]]) -> Blob:
    """Read a blob from its rows, which differ only in their variants."""
    columns = rows[0][-len(BLOB) : -len(VARIANT)]
    id, space_id, key, sha256, size, mime, state, width, height = columns
    renditions = (row[-len(VARIANT) :] for row in rows)
    found = tuple(Variant(*rendition) for rendition in renditions if rendition[0] is not None)
    return Blob(id, space_id, key, sha256, size, mime, BlobState(state), width, height, found)


def _blobs(rows: Iterable[Sequence[Any]]) -> Iterator[Blob]:
    return (read_blob(list(group)) for _, group in groupby(rows, key=itemgetter(0)))


def _variant_row(blob_id: int, variant: Variant) -> dict[str, Any]:
    return {
        "blob_id": blob_id,
        "recipe": variant.recipe,
        "key": variant.key,
        "size": variant.size,
        "mime": variant.mime,
        "sha256": variant.sha256,
        "width": variant.width,
        "height": variant.height,
    }
