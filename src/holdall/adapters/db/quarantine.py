"""Files that a malware rule matched."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from holdall.adapters.db.files import BLOB, MANY, UPLOAD, read_blob, read_upload
from holdall.adapters.db.quotas import FORGET_HOLDERS_OF_BLOB
from holdall.adapters.db.tables import allowances, blobs, quarantine, spaces, uploads, users, variants
from holdall.domain.files import Blob, BlobState, Purpose, Upload
from holdall.domain.quarantine import Allowance, QuarantinedFile, QuarantineState
from holdall.errors import Conflict
from holdall.ports import NewQuarantined

ARRIVING, HELD, LEAVING = (state.value for state in QuarantineState)

_FILE = (
    quarantine.c.id,
    quarantine.c.public_id,
    quarantine.c.space_id,
    spaces.c.public_id,
    quarantine.c.user_id,
    users.c.login,
    quarantine.c.blob_id,
    quarantine.c.state,
    quarantine.c.key,
    quarantine.c.sha256,
    quarantine.c.size,
    quarantine.c.mime,
    quarantine.c.signature,
    quarantine.c.scanner,
    quarantine.c.name,
    quarantine.c.path,
    quarantine.c.door,
    quarantine.c.kind,
    quarantine.c.entity,
    quarantine.c.found_at,
    quarantine.c.last_at,
    quarantine.c.times,
)
_FILES = (
    select(*_FILE)
    .join_from(quarantine, spaces, quarantine.c.space_id == spaces.c.id)
    .join(users, quarantine.c.user_id == users.c.id)
)
_FIND = _FILES.where(quarantine.c.public_id == bindparam("id"))
_PAGE = (
    _FILES.where(quarantine.c.id > bindparam("after"), quarantine.c.state.in_([ARRIVING, HELD]))
    .order_by(quarantine.c.id)
    .limit(bindparam("limit"))
)
_UNSETTLED = (
    _FILES.where(
        or_(
            quarantine.c.state == LEAVING,
            and_(quarantine.c.state == ARRIVING, quarantine.c.last_at < bindparam("before")),
        )
    )
    .order_by(quarantine.c.id)
    .limit(bindparam("limit"))
)
_newest_first = (quarantine.c.last_at.desc(), quarantine.c.id.desc())
_RANKED = (
    select(
        quarantine.c.id,
        func.row_number().over(order_by=_newest_first).label("rank"),
        func.sum(quarantine.c.size).over(order_by=_newest_first).label("total"),
    )
    .where(quarantine.c.state == HELD, quarantine.c.key.is_not(None))
    .subquery("ranked")
)
_SURPLUS = _FILES.outerjoin(_RANKED, _RANKED.c.id == quarantine.c.id).where(
    quarantine.c.state == HELD,
    or_(
        quarantine.c.last_at < bindparam("before"),
        _RANKED.c.rank > bindparam("max_files"),
        _RANKED.c.total > bindparam("max_bytes"),
    ),
)
_RECUR = (
    update(quarantine)
    .where(
        quarantine.c.sha256 == bindparam("of_sha256"),
        quarantine.c.space_id == bindparam("of_space"),
        quarantine.c.user_id == bindparam("of_user"),
        quarantine.c.signature == bindparam("of_signature"),
        quarantine.c.blob_id.is_(None),
        quarantine.c.state == HELD,
    )
    .values(times=quarantine.c.times + 1, last_at=bindparam("now"))
    .returning(quarantine.c.public_id)
)
_ARRIVE = insert(quarantine)
_HOLD = update(quarantine).where(quarantine.c.id == bindparam("file_id"), quarantine.c.state == ARRIVING)
_LET_GO = update(quarantine).where(quarantine.c.id == bindparam("file_id"), quarantine.c.state != LEAVING)
_REMOVE = delete(quarantine).where(quarantine.c.id == bindparam("file_id"), quarantine.c.state == LEAVING)
_NAMED = select(quarantine.c.key).where(quarantine.c.key.in_(bindparam("keys", expanding=True)))

_SEIZE = (
    update(blobs)
    .where(blobs.c.id == bindparam("blob_id"), blobs.c.state == BlobState.READY.value)
    .values(state=BlobState.QUARANTINED.value)
)
_SET_STATE = (
    update(blobs)
    .where(blobs.c.id == bindparam("blob_id"), blobs.c.state == BlobState.QUARANTINED.value)
    .values(state=bindparam("new_state"))
)
_HAND_OVER = update(uploads).where(uploads.c.blob_id == bindparam("old_id")).values(blob_id=bindparam("new_id"))
_BLOBS = select(*BLOB).outerjoin_from(blobs, variants, variants.c.blob_id == blobs.c.id).order_by(variants.c.id)
_BLOB = _BLOBS.where(blobs.c.id == bindparam("id"))
_TWIN = _BLOBS.where(
    blobs.c.space_id == bindparam("space_id"),
    blobs.c.sha256 == bindparam("sha256"),
    blobs.c.mime == bindparam("mime"),
    blobs.c.state == BlobState.READY.value,
)
_UPLOADS = (
    select(*UPLOAD)
    .join_from(uploads, blobs, uploads.c.blob_id == blobs.c.id)
    .outerjoin(variants, variants.c.blob_id == blobs.c.id)
    .where(uploads.c.blob_id == bindparam("id"))
    .order_by(uploads.c.id, variants.c.id)
)
# PostgreSQL's insert compiles for SQLite as well: both spell ON CONFLICT the same.
_ALLOW = insert_or_not(allowances).on_conflict_do_nothing(
    index_elements=[allowances.c.space_id, allowances.c.sha256, allowances.c.signature]
)
_IS_ALLOWED = select(allowances.c.allowed_at).where(
    allowances.c.space_id == bindparam("space_id"),
    allowances.c.sha256 == bindparam("sha256"),
    allowances.c.signature == bindparam("signature"),
)


class SqlQuarantine:
    """``ports.Quarantine`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def recur(self, new: NewQuarantined, now: datetime) -> QuarantinedFile | None:
        """Count one more arrival of a file that is held already."""
        found = {
            "of_sha256": new.sha256,
            "of_space": new.space_id,
            "of_user": new.user_id,
            "of_signature": new.signature,
            "now": now,
        }
        ids = self._connection.execute(_RECUR, found).scalars().all()
        return self.find(ids[0]) if ids else None

    def arrive(self, new: NewQuarantined, now: datetime) -> QuarantinedFile:
        """Keep a row that names the key about to be written."""
        self._connection.execute(_ARRIVE, _row(new, now))
        file = self.find(new.id)
        if file is None:  # the user or the space went away meanwhile
            raise Conflict("nobody to hold it for")
        return file

    def seize(self, blob: Blob, new: NewQuarantined, now: datetime) -> QuarantinedFile | None:
        """Take a ready blob out of everybody's reach."""
        if not self._connection.execute(_SEIZE, {"blob_id": blob.id}).rowcount:
            return None
        self._connection.execute(FORGET_HOLDERS_OF_BLOB, {"blob_id": blob.id})
        return self.arrive(new, now)

    def reinstate(self, file: QuarantinedFile) -> Blob:
        """Make the blob ready again, or hand its uploads to a twin."""
        blob = self.blob(file)
        if blob is None or blob.state is not BlobState.QUARANTINED:
            raise Conflict("the blob is not in quarantine")
        twin = self._blob(_TWIN, {"space_id": blob.space_id, "sha256": blob.sha256, "mime": blob.mime})
        if twin is None:
            self._set_state(blob, BlobState.READY)
            self._connection.execute(FORGET_HOLDERS_OF_BLOB, {"blob_id": blob.id})
            return replace(blob, state=BlobState.READY)
        self._connection.execute(_HAND_OVER, {"old_id": blob.id, "new_id": twin.id})
        self._set_state(blob, BlobState.CONDEMNED)
        return twin

    def hold(self, file: QuarantinedFile) -> None:
        """Its bytes have come in."""
        self._connection.execute(_HOLD.values(state=HELD), {"file_id": file.number})

    def let_go(self, file: QuarantinedFile) -> bool:
        """Have it leave; a blob that it was stays out of reach until it is reinstated."""
        changed = self._connection.execute(_LET_GO.values(state=LEAVING), {"file_id": file.number})
        return changed.rowcount > 0

    def remove(self, file: QuarantinedFile) -> None:
        """Forget a file whose bytes are gone."""
        self._connection.execute(_REMOVE, {"file_id": file.number})

    def find(self, id: str) -> QuarantinedFile | None:
        """The file of this id."""
        row = self._connection.execute(_FIND, {"id": id}).first()
        return None if row is None else _file(row)

    def page(self, *, after: int = 0, limit: int) -> list[QuarantinedFile]:
        """Files that are arriving or held, in order of arrival."""
        return [_file(row) for row in self._connection.execute(_PAGE, {"after": after, "limit": limit})]

    def unsettled(self, before: datetime, limit: int) -> list[QuarantinedFile]:
        """Files that are leaving, and those that began to arrive before this time."""
        return [_file(row) for row in self._connection.execute(_UNSETTLED, {"before": before, "limit": limit})]

    def surplus(self, before: datetime, max_bytes: int, max_files: int) -> list[QuarantinedFile]:
        """Held files that are too old, too many or too much."""
        limits = {"before": before, "max_bytes": max_bytes, "max_files": max_files}
        return [_file(row) for row in self._connection.execute(_SURPLUS, limits)]

    def blob(self, file: QuarantinedFile) -> Blob | None:
        """The blob that it was."""
        return None if file.blob_id is None else self._blob(_BLOB, {"id": file.blob_id})

    def uploads(self, blob: Blob) -> list[Upload]:
        """Everything that is behind a name because of this blob, oldest first."""
        rows = self._connection.execute(_UPLOADS, {"id": blob.id})
        return [read_upload(list(group)) for _, group in groupby(rows, key=itemgetter(0))]

    def named(self, keys: Sequence[str]) -> set[str]:
        """Those of ``keys`` that some row names."""
        portions = (keys[start : start + MANY] for start in range(0, len(keys), MANY))
        return {key for portion in portions for key in self._connection.scalars(_NAMED, {"keys": list(portion)})}

    def allow(self, allowance: Allowance, now: datetime) -> None:
        """Remember that a rule is wrong about a content."""
        self._connection.execute(
            _ALLOW,
            {
                "space_id": allowance.space_id,
                "sha256": allowance.sha256,
                "signature": allowance.signature,
                "allowed_by": allowance.by,
                "reason": allowance.reason,
                "allowed_at": now,
            },
        )

    def is_allowed(self, space_id: int, sha256: str, signature: str) -> bool:
        """Whether an operator said so."""
        wanted = {"space_id": space_id, "sha256": sha256, "signature": signature}
        return self._connection.execute(_IS_ALLOWED, wanted).first() is not None

    def _set_state(self, blob: Blob, state: BlobState) -> None:
        self._connection.execute(_SET_STATE, {"blob_id": blob.id, "new_state": state.value})

    def _blob(self, statement: Any, parameters: dict[str, int | str]) -> Blob | None:
        rows = self._connection.execute(statement, parameters).all()
        return read_blob(rows) if rows else None


def _row(new: NewQuarantined, now: datetime) -> dict[str, Any]:
    return {
        "public_id": new.id,
        "space_id": new.space_id,
        "user_id": new.user_id,
        "blob_id": new.blob_id,
        "state": ARRIVING,
        "key": new.key or None,
        "sha256": new.sha256,
        "size": new.size,
        "mime": new.mime,
        "signature": new.signature,
        "scanner": new.scanner,
        "name": new.name,
        "path": new.path,
        "door": new.purpose.door,
        "kind": new.purpose.kind,
        "entity": new.purpose.entity,
        "found_at": now,
        "last_at": now,
        "times": 1,
    }


def _file(row: Sequence[Any]) -> QuarantinedFile:
    number, id, space_id, space, user_id, user, blob_id, state, key, *facts = row
    sha256, size, mime, signature, scanner, name, path, door, kind, entity, found_at, last_at, times = facts
    return QuarantinedFile(
        number,
        id,
        space_id,
        space,
        user_id,
        user,
        blob_id,
        QuarantineState(state),
        key or "",
        sha256,
        size,
        mime,
        signature,
        scanner,
        name,
        path,
        Purpose(door, kind, entity),
        found_at,
        last_at,
        times,
    )
