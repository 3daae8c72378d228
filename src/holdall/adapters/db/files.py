"""Blobs, their variants, and uploads."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from holdall.adapters.db.mending import HAS_LOST_TWIN, heal
from holdall.adapters.db.prepared import Prepared
from holdall.adapters.db.quotas import FORGET_HOLDERS_OF_BLOB
from holdall.adapters.db.rows import portions
from holdall.adapters.db.tables import (
    IS_READY,
    attachments,
    blobs,
    money_accounts,
    nodes,
    people,
    receipts,
    records,
    reservations,
    texts,
    uploads,
    variants,
)
from holdall.domain.files import Blob, BlobState, Purpose, Upload, Variant
from holdall.errors import BlobGone, ReservationLost
from holdall.ports import NewBlob, NewUpload, UploadSearch

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
    blobs.c.findings,
    blobs.c.encoding,
    blobs.c.thumbhash,
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
    uploads.c.deleted_at,
    *BLOB,
)
"""As ``BLOB``, with the upload in front; ``read_upload`` wants these columns last."""
MANY = 1000
"""Names asked for in one statement: under every engine's limit on parameters."""

_is_ready = blobs.c.state == literal_column("'ready'")
_is_told = blobs.c.state.in_([literal_column("'ready'"), literal_column("'lost'")])
_is_lost = blobs.c.state == literal_column("'lost'")
_is_quarantined = blobs.c.state == BlobState.QUARANTINED.value
# The index holds all that is not ready, and is not looked into unless a statement says so in its own words.
_is_condemned = (blobs.c.state != literal_column("'ready'")) & (blobs.c.state == literal_column("'condemned'"))
_BLOBS = (
    select(*BLOB).outerjoin_from(blobs, variants, variants.c.blob_id == blobs.c.id).order_by(blobs.c.id, variants.c.id)
)
_FIND_READY = Prepared(
    _BLOBS.where(
        blobs.c.space_id == bindparam("space_id"),
        blobs.c.sha256 == bindparam("sha256"),
        blobs.c.mime == bindparam("mime"),
        _is_ready,
    )
)
_OLDEST_CONDEMNED = (
    select(blobs.c.id)
    .where(_is_condemned, blobs.c.touched_at < bindparam("before"))
    .order_by(blobs.c.touched_at, blobs.c.id)
    .limit(bindparam("limit"))
    .correlate(None)
)
_CONDEMNED = (
    _BLOBS.where(blobs.c.id.in_(_OLDEST_CONDEMNED))
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
_NEXT_UNREAD = (
    select(blobs.c.id)
    .where(
        _is_ready,
        blobs.c.id > bindparam("after"),
        blobs.c.mime.in_(bindparam("mimes", expanding=True)),
        ~exists().where(texts.c.blob_id == blobs.c.id),
    )
    .order_by(blobs.c.id)
    .limit(bindparam("limit"))
    .correlate(None)
)
_UNREAD = _BLOBS.where(blobs.c.id.in_(_NEXT_UNREAD))
_FIND_TEXT = select(texts.c.content).where(texts.c.blob_id == bindparam("of_blob"))
_FORGET_TEXT = delete(texts).where(texts.c.blob_id == bindparam("of_blob"))
# Only while the blob is ready, as ``_ADD_UPLOAD``.
_KEEP_TEXT = insert(texts).from_select(
    ["blob_id", "content"],
    select(blobs.c.id, bindparam("content", type_=texts.c.content.type))
    .where(blobs.c.id == bindparam("of_blob"), _is_ready)
    .with_for_update(read=True, of=blobs),
)
# A blob that is condemned gets no more variants, so that a sweep knows all of them.
_HOLD_READY = select(blobs.c.id).where(blobs.c.id == bindparam("of_blob"), _is_ready).with_for_update(read=True)
_FIND_VARIANT = select(*VARIANT).where(variants.c.blob_id == bindparam("of_blob"), variants.c.recipe == bindparam("by"))
_NAMED = union_all(
    *(
        select(table.c.key).where(table.c.key.in_(bindparam("keys", expanding=True)))
        for table in (blobs, variants, reservations)
    )
)
_CONTENTS = union_all(
    *(
        select(table.c.key, table.c.size, table.c.sha256).where(table.c.key.in_(bindparam("keys", expanding=True)))
        for table in (blobs, variants)
    )
)

_RESERVE = insert(reservations)
_USE_RESERVED = Prepared(
    delete(reservations).where(reservations.c.key == bindparam("wanted"), ~reservations.c.is_condemned)
)
_OLDEST_RESERVED = (
    select(reservations.c.key)
    .where(reservations.c.reserved_at < bindparam("before"))
    .order_by(reservations.c.reserved_at, reservations.c.key)
    .limit(bindparam("limit"))
)
_CONDEMN_RESERVED = (
    update(reservations)
    .where(reservations.c.key.in_(bindparam("keys", expanding=True)))
    .values(is_condemned=True)
    .returning(reservations.c.key)
)
_RELEASE = delete(reservations).where(reservations.c.key.in_(bindparam("keys", expanding=True)))

# PostgreSQL's insert compiles for SQLite as well: both spell ON CONFLICT the same.
_ADD_BLOB = Prepared(
    insert_or_not(blobs)
    .values({column: bindparam(column.name) for column in blobs.c if not column.primary_key})
    .on_conflict_do_nothing(index_elements=[blobs.c.space_id, blobs.c.sha256, blobs.c.mime], index_where=IS_READY)
    .returning(blobs.c.id, HAS_LOST_TWIN)
)
_ADD_VARIANT = Prepared(
    insert(variants).values({column: bindparam(column.name) for column in variants.c if not column.primary_key})
)
_ADD_VARIANT_ONCE = (
    insert_or_not(variants)
    .values({column: bindparam(column.name) for column in variants.c if not column.primary_key})
    .on_conflict_do_nothing(index_elements=[variants.c.blob_id, variants.c.recipe])
    .returning(variants.c.id)
)
_CONDEMN = (
    update(blobs)
    .where(blobs.c.id == bindparam("blob_id"), blobs.c.state != BlobState.QUARANTINED.value)
    .values(state=BlobState.CONDEMNED.value)
)
_REMOVE = delete(blobs).where(blobs.c.id == bindparam("blob_id"), _is_condemned)

_NEW_UPLOAD = uploads.c[
    "public_id", "space_id", "user_id", "blob_id", "name", "path", "door", "kind", "entity", "created_at"
]
# Only while the blob is ready, which on PostgreSQL it then stays until the commit (FOR SHARE).
_ADD_UPLOAD = Prepared(
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
_HAS_BROUGHT = (
    select(uploads.c.id)
    .where(uploads.c.user_id == bindparam("user_id"), uploads.c.blob_id == bindparam("blob_id"))
    .limit(1)
)
_is_there = uploads.c.deleted_at.is_(None)
_FIND_BY_PATH = Prepared(_UPLOADS.where(uploads.c.path == bindparam("path"), _is_there))
_THERE = _UPLOADS.where(uploads.c.id.in_(bindparam("numbers", expanding=True)), _is_there, _is_told)
_THERE_TO_TIE = _THERE.with_for_update(read=True, key_share=True, of=uploads)
_USES = union_all(
    select(attachments.c.upload_id).where(attachments.c.upload_id == bindparam("number")),
    select(receipts.c.upload_id).where(receipts.c.upload_id == bindparam("number")),
    select(people.c.avatar_id).where(people.c.avatar_id == bindparam("number")),
    select(money_accounts.c.avatar_id).where(money_accounts.c.avatar_id == bindparam("number")),
).limit(1)
# A tie that comes refers to the row (FOR KEY SHARE), and has to wait for this on PostgreSQL.
_HOLD_UPLOADS = (
    select(uploads.c.id)
    .where(uploads.c.id.in_(bindparam("numbers", expanding=True)))
    .order_by(uploads.c.id)
    .with_for_update()
)
_is_attached = exists().where(attachments.c.upload_id == uploads.c.id)
_is_deleted = uploads.c.deleted_at.is_not(None)
_BY_NUMBER = update(uploads).where(uploads.c.id == bindparam("number"))
_RENAME = _BY_NUMBER.values(name=bindparam("new_name"))
_DELETE_UPLOAD = _BY_NUMBER.where(_is_there).values(deleted_at=bindparam("at"))
_RESTORE_UPLOAD = _BY_NUMBER.where(_is_deleted).values(deleted_at=None)
_OLDEST_DELETED = (
    select(uploads.c.id)
    .where(_is_deleted, uploads.c.deleted_at < bindparam("before"))
    .order_by(uploads.c.deleted_at, uploads.c.id)
    .limit(bindparam("limit"))
    .correlate(None)
)
_DELETED = _UPLOADS.where(uploads.c.id.in_(_OLDEST_DELETED))
_CHOOSE_DELETED = select(uploads.c.id).where(uploads.c.id == bindparam("number"), _is_deleted).with_for_update()
_FORGET_TIES = delete(attachments).where(attachments.c.upload_id == bindparam("number"))
_FORGET_RECEIPTS = delete(receipts).where(receipts.c.upload_id == bindparam("number"))
_FORGET_AVATARS = tuple(
    update(table).where(table.c.avatar_id == bindparam("number")).values(avatar_id=None)
    for table in (people, money_accounts)
)
_FORGET_UPLOAD = delete(uploads).where(uploads.c.id == bindparam("number"), _is_deleted)
# Held first, so that on PostgreSQL whoever adds an upload of it at this moment is waited for, and then seen.
_HOLD = select(blobs.c.id).where(blobs.c.id == bindparam("of_blob")).with_for_update()
_CONDEMN_UNUSED = (
    update(blobs)
    .where(blobs.c.id == bindparam("of_blob"), _is_told, ~exists().where(uploads.c.blob_id == blobs.c.id))
    .values(state=BlobState.CONDEMNED.value)
)
_FIND_BY_NUMBER = _UPLOADS.where(uploads.c.id == bindparam("number"))


class SqlFiles:
    """``ports.Files`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find_ready(self, space_id: int, sha256: str, mime: str) -> Blob | None:
        """The space's ready blob with this content."""
        rows = _FIND_READY.rows(self._connection, {"space_id": space_id, "sha256": sha256, "mime": mime})
        return read_blob(rows) if rows else None

    def reserve(self, keys: Sequence[str], now: datetime) -> None:
        """Put on record that bytes may come to lie under these keys."""
        self._connection.execute(_RESERVE, [{"key": key, "is_condemned": False, "reserved_at": now} for key in keys])

    def add(self, blob: NewBlob, now: datetime) -> Blob:
        """Keep a ready blob under reserved keys, or return its twin that was first."""
        row = _ADD_BLOB.row(
            self._connection,
            {
                "space_id": blob.space_id,
                "key": blob.key,
                "sha256": blob.sha256,
                "size": blob.size,
                "mime": blob.mime,
                "state": BlobState.READY.value,
                "width": blob.width,
                "height": blob.height,
                "findings": ",".join(blob.findings),
                "encoding": blob.encoding,
                "touched_at": now,
                "thumbhash": blob.thumbhash,
            },
        )
        if row is None:
            return self._twin(blob)
        for key in (blob.key, *(variant.key for variant in blob.variants)):
            if _USE_RESERVED.run(self._connection, {"wanted": key}) == 0:
                raise ReservationLost
        for variant in blob.variants:
            _ADD_VARIANT.run(self._connection, _variant_row(row[0], variant))
        if row[1]:
            heal(self._connection, blob.sha256, blob.space_id, blob.mime, row[0])
        return Blob(
            row[0],
            blob.space_id,
            blob.key,
            blob.sha256,
            blob.size,
            blob.mime,
            BlobState.READY,
            blob.width,
            blob.height,
            blob.variants,
            blob.findings,
            blob.encoding,
            blob.thumbhash,
        )

    def condemn_reserved(self, before: datetime, limit: int) -> list[str]:
        """Keys reserved before this time; from now on nothing can be kept under them."""
        oldest = self._connection.scalars(_OLDEST_RESERVED, {"before": before, "limit": limit}).all()
        return list(self._connection.scalars(_CONDEMN_RESERVED, {"keys": oldest})) if oldest else []

    def release(self, keys: Sequence[str]) -> None:
        """Forget reservations."""
        self._connection.execute(_RELEASE, {"keys": list(keys)})

    def condemn(self, blob: Blob) -> None:
        """Mark a blob's bytes for deletion; it counts against no quota any more."""
        self._connection.execute(FORGET_HOLDERS_OF_BLOB, {"blob_id": blob.id})
        self._connection.execute(_CONDEMN, {"blob_id": blob.id})

    def remove(self, blob: Blob) -> None:
        """Forget a condemned blob; its variants go with it."""
        self._connection.execute(_REMOVE, {"blob_id": blob.id})

    def condemned(self, before: datetime, limit: int) -> list[Blob]:
        """Condemned blobs last touched before this time, oldest first."""
        return list(_blobs(self._connection.execute(_CONDEMNED, {"before": before, "limit": limit})))

    def named(self, keys: Sequence[str]) -> set[str]:
        """Those of ``keys`` that some row names."""
        portions = (keys[start : start + MANY] for start in range(0, len(keys), MANY))
        return {key for portion in portions for key in self._connection.scalars(_NAMED, {"keys": list(portion)})}

    def contents(self, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Size and SHA-256 of those of ``keys`` that some row names."""
        portions = (keys[start : start + MANY] for start in range(0, len(keys), MANY))
        rows = (row for portion in portions for row in self._connection.execute(_CONTENTS, {"keys": list(portion)}))
        return {key: (size, sha256) for key, size, sha256 in rows}

    def ready(self, *, after: int, limit: int) -> list[Blob]:
        """Ready blobs with ids over ``after``, in order of id."""
        return list(_blobs(self._connection.execute(_READY, {"after": after, "limit": limit})))

    def add_variant(self, blob: Blob, variant: Variant) -> Variant:
        """Keep a variant of a ready blob under its reserved key, or return the one that it has by this recipe."""
        if self._connection.scalar(_HOLD_READY, {"of_blob": blob.id}) is None:
            raise BlobGone
        row = _variant_row(blob.id, variant)
        if self._connection.scalar(_ADD_VARIANT_ONCE, row) is None:
            kept = self._connection.execute(_FIND_VARIANT, {"of_blob": blob.id, "by": variant.recipe}).one()
            return Variant(*kept)
        if _USE_RESERVED.run(self._connection, {"wanted": variant.key}) == 0:
            raise ReservationLost
        return variant

    def keep_text(self, blob: Blob, text: str) -> None:
        """Keep the text of a ready blob, in place of any that it has."""
        self._connection.execute(_FORGET_TEXT, {"of_blob": blob.id})
        self._connection.execute(_KEEP_TEXT, {"of_blob": blob.id, "content": text})

    def find_text(self, blob: Blob) -> str | None:
        """The text of a blob."""
        return self._connection.scalar(_FIND_TEXT, {"of_blob": blob.id})

    def unread(self, mimes: Collection[str], *, after: int, limit: int) -> list[Blob]:
        """Ready blobs of these types without a text, in order of id."""
        parameters = {"mimes": list(mimes), "after": after, "limit": limit}
        return list(_blobs(self._connection.execute(_UNREAD, parameters)))

    def add_upload(self, upload: NewUpload, blob: Blob, now: datetime) -> Upload:
        """Keep an upload of a ready blob; ``BlobGone`` when it is not ready any more."""
        row = _ADD_UPLOAD.row(
            self._connection,
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
        if row is None:
            raise BlobGone
        return Upload(
            row[0],
            upload.id,
            upload.space_id,
            upload.user_id,
            blob,
            upload.name,
            upload.path,
            upload.purpose,
            now,
        )

    def has_brought(self, user_id: int, blob: Blob) -> bool:
        """Whether this user has an upload of this blob."""
        return self._connection.scalar(_HAS_BROUGHT, {"user_id": user_id, "blob_id": blob.id}) is not None

    def find_uploads(
        self, space_id: int, ids: Sequence[str], *, with_deleted: bool = False, to_tie: bool = False
    ) -> dict[str, Upload]:
        """Those of these uploads that belong to the space, by id."""
        if not ids:
            return {}
        statement = _FIND_UPLOADS if with_deleted else _FIND_UPLOADS.where(_is_there)
        if to_tie:
            statement = statement.with_for_update(read=True, key_share=True, of=uploads)
        found = _read_uploads(self._connection.execute(statement, {"space_id": space_id, "ids": list(ids)}))
        return {upload.id: upload for upload in found}

    def list_uploads(self, space_id: int, search: UploadSearch, *, before: int | None, limit: int) -> list[Upload]:
        """Uploads of a space, newest first."""
        page = (
            select(uploads.c.id)
            .join_from(uploads, blobs, uploads.c.blob_id == blobs.c.id)
            .where(uploads.c.space_id == space_id, *_narrowed(search))
            .order_by(uploads.c.id.desc())
            .limit(limit)
            .correlate(None)
        )
        if before is not None:
            page = page.where(uploads.c.id < before)
        statement = _UPLOADS.where(uploads.c.id.in_(page)).order_by(None).order_by(uploads.c.id.desc(), variants.c.id)
        return list(_read_uploads(self._connection.execute(statement)))

    def there(self, numbers: Collection[int], *, to_tie: bool = False) -> dict[int, Upload]:
        """Those of these uploads that are there, by number."""
        statement = _THERE_TO_TIE if to_tie else _THERE
        rows = (row for some in portions(numbers) for row in self._connection.execute(statement, {"numbers": some}))
        return {upload.number: upload for upload in _read_uploads(rows)}

    def hold_uploads(self, numbers: Collection[int]) -> None:
        """Let nobody hang them up."""
        for some in portions(sorted(numbers)):
            self._connection.execute(_HOLD_UPLOADS, {"numbers": some})

    def is_used(self, number: int) -> bool:
        """Whether an upload hangs anywhere."""
        return self._connection.scalar(_USES, {"number": number}) is not None

    def rename_upload(self, upload: Upload, name: str) -> None:
        """Give an upload another name to be shown."""
        self._connection.execute(_RENAME, {"number": upload.number, "new_name": name})

    def delete_upload(self, upload: Upload, now: datetime) -> None:
        """Put an upload out of sight."""
        self._connection.execute(_DELETE_UPLOAD, {"number": upload.number, "at": now})

    def restore_upload(self, upload: Upload) -> bool:
        """Bring a deleted upload back."""
        return self._connection.execute(_RESTORE_UPLOAD, {"number": upload.number}).rowcount > 0

    def deleted(self, before: datetime, limit: int) -> list[Upload]:
        """Uploads deleted before this time."""
        return list(_read_uploads(self._connection.execute(_DELETED, {"before": before, "limit": limit})))

    def forget_upload(self, upload: Upload) -> None:
        """Forget a deleted upload, and condemn its blob where that was the last of it."""
        number, blob = {"number": upload.number}, {"of_blob": upload.blob.id}
        self._connection.execute(FORGET_HOLDERS_OF_BLOB, {"blob_id": upload.blob.id})
        self._connection.execute(_HOLD, blob)
        if self._connection.execute(_CHOOSE_DELETED, number).first() is None:
            return  # it was restored meanwhile
        for statement in (_FORGET_TIES, _FORGET_RECEIPTS, *_FORGET_AVATARS):
            self._connection.execute(statement, number)
        self._connection.execute(_FORGET_UPLOAD, number)
        self._connection.execute(_CONDEMN_UNUSED, blob)

    def find_by_path(self, path: str) -> Upload | None:
        """The upload with this public name."""
        rows = _FIND_BY_PATH.rows(self._connection, {"path": path})
        return read_upload(rows) if rows else None

    def find_by_number(self, number: int) -> Upload | None:
        """The upload of this number."""
        rows = self._connection.execute(_FIND_BY_NUMBER, {"number": number}).all()
        return read_upload(rows) if rows else None

    def _twin(self, blob: NewBlob) -> Blob:
        twin = self.find_ready(blob.space_id, blob.sha256, blob.mime)
        if twin is None:
            raise BlobGone
        # Whoever charged for this blob did not know of the twin.
        self._connection.execute(FORGET_HOLDERS_OF_BLOB, {"blob_id": twin.id})
        return twin


def _narrowed(search: UploadSearch) -> Iterator[ColumnElement[bool]]:
    """The conditions of a search, beside its space."""
    yield _is_quarantined if search.is_infected else _is_lost if search.is_lost else _is_told
    yield _is_deleted if search.is_deleted else _is_there
    if search.mime:
        is_whole = "/" in search.mime.removesuffix("/")
        yield blobs.c.mime == search.mime if is_whole else blobs.c.mime.startswith(search.mime, autoescape=True)
    if search.name:
        yield func.lower(uploads.c.name).contains(search.name.lower(), autoescape=True)
    if search.kind:
        yield uploads.c.kind == search.kind
    if search.entity:
        yield uploads.c.entity == search.entity
    if search.is_attached is not None:
        yield _is_attached if search.is_attached else ~_is_attached
    if search.is_flagged:
        yield blobs.c.findings != ""
    if search.used_in:
        yield _hangs_in(search.used_in)
    yield from _within(blobs.c.size, search.min_size, None if search.max_size is None else search.max_size + 1)
    yield from _within(uploads.c.created_at, search.created_from, search.created_before)


def _within(column: Column[Any], first: Any, stop: Any) -> Iterator[ColumnElement[bool]]:
    """From ``first`` (inclusive) to ``stop`` (exclusive), where they are given."""
    if first is not None:
        yield column >= first
    if stop is not None:
        yield column < stop


def _hangs_in(database_id: str) -> ColumnElement[bool]:
    return (
        exists()
        .where(attachments.c.upload_id == uploads.c.id)
        .where(records.c.id == attachments.c.record_id)
        .where(nodes.c.id == records.c.node_id, nodes.c.public_id == database_id)
    )


def _read_uploads(rows: Iterable[Sequence[Any]]) -> Iterator[Upload]:
    """Uploads from rows in which those of each stand together."""
    return (read_upload(list(group)) for _, group in groupby(rows, key=itemgetter(0)))


def read_upload(rows: Sequence[Sequence[Any]]) -> Upload:
    """Read an upload from its rows, which differ only in their variants."""
    columns = rows[0][-len(UPLOAD) : -len(BLOB)]
    number, id, space_id, user_id, name, path, door, kind, entity, created_at, deleted_at = columns
    purpose = Purpose(door, kind, entity)
    return Upload(number, id, space_id, user_id, read_blob(rows), name, path, purpose, created_at, deleted_at)


def read_blob(rows: Sequence[Sequence[Any]]) -> Blob:
    """Read a blob from its rows, which differ only in their variants."""
    columns = rows[0][-len(BLOB) : -len(VARIANT)]
    id, space_id, key, sha256, size, mime, state, width, height, findings, encoding, thumbhash = columns
    renditions = (row[-len(VARIANT) :] for row in rows)
    found = tuple(Variant(*rendition) for rendition in renditions if rendition[0] is not None)
    noted = tuple(filter(None, findings.split(",")))
    return Blob(
        id, space_id, key, sha256, size, mime, BlobState(state), width, height, found, noted, encoding, thumbhash
    )


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
