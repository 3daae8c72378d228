"""The stories of files that are there: list them, look at one, rename it, delete it, and bring it back.

A deleted file is out of sight at once: of links, cells and lists. Until its grace is over it can be brought back, to
every cell that it hung in; then a sweep takes it, and its bytes where no other upload shares them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from holdall.domain.access import Actor, Space
from holdall.domain.filename import display_name
from holdall.domain.files import Upload
from holdall.errors import Malformed, Missing, ReadOnly
from holdall.flows.access import Look
from holdall.ports import Ledger, Services, UploadSearch, Use

MAX_USES = 1000
"""Told of one file."""

Name = str | int
"""What a dialect calls an upload: by its public id, or by its number."""


Ward = Callable[[Upload], None]
"""Says, inside the writing transaction, whether a door may change this upload.

Raises:
    ReadOnly: it may not.

"""


def nobodys(_upload: Upload) -> None:
    """For a door that may change whatever its caller may."""


def of_no_entity(where: str) -> Ward:
    """For a door that leaves alone what came for an entity that it does not know, through ``where``."""

    def refuse(upload: Upload) -> None:
        if upload.purpose.entity:
            raise ReadOnly("file", where)

    return refuse


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of uploads, newest first."""

    uploads: Sequence[Upload]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Found:
    """An upload, and the cells that it hangs in."""

    upload: Upload
    uses: Sequence[Use]


async def list_uploads(
    services: Services, actor: Actor, look: Look[Space], search: UploadSearch, *, before: int | None, limit: int
) -> Listed:
    """Uploads of the space that ``look`` finds.

    Raises:
        Missing, Forbidden: as ``look``.

    """

    def story(ledger: Ledger) -> Listed:
        found = ledger.files.list_uploads(look(ledger, actor).number, search, before=before, limit=limit + 1)
        return Listed(found[:limit], len(found) > limit)

    return await services.work.read(story)


async def find_upload(services: Services, actor: Actor, look: Look[Space], name: Name) -> Found:
    """One upload of the space, deleted or not.

    Raises:
        Missing: the space has none of this name, or it is in quarantine.
        Missing, Forbidden: as ``look``.

    """

    def story(ledger: Ledger) -> Found:
        upload = _known(ledger, look(ledger, actor), name)
        return Found(upload, ledger.records.uses(upload, MAX_USES))

    return await services.work.read(story)


async def path_of(services: Services, actor: Actor, look: Look[Space], name: Name) -> str:
    """The public name of a file that is there.

    Raises:
        Missing, Forbidden: as ``find_upload``; a deleted file is not there to be read.

    """
    return await services.work.glance(lambda ledger: _there(ledger, look(ledger, actor), name).path)


async def rename_upload(
    services: Services, actor: Actor, look: Look[Space], name: Name, new_name: str, ward: Ward = nobodys
) -> Upload:
    """Give a file another name to be shown: in lists, and to those who save it. Cells keep the names they have.

    Raises:
        Malformed: the new name is empty.
        Missing, Forbidden: as ``find_upload``; a deleted file is not there to be renamed.
        ReadOnly: as ``ward``.

    """
    shown = display_name(new_name)
    if not new_name.strip():
        raise Malformed("json", "name is empty")

    def story(ledger: Ledger) -> Upload:
        upload = _there(ledger, look(ledger, actor), name)
        ward(upload)
        ledger.files.rename_upload(upload, shown)
        return replace(upload, name=shown)

    return await services.work.write(story)


async def delete_upload(
    services: Services, actor: Actor, look: Look[Space], name: Name, ward: Ward = nobodys
) -> Upload:
    """Delete a file; it can be brought back until ``restorable_until``. Safe to repeat: the first time counts.

    Raises:
        Missing, Forbidden: as ``find_upload``.
        ReadOnly: as ``ward``.

    """
    now = services.clock.now()

    def story(ledger: Ledger) -> Upload:
        upload = _known(ledger, look(ledger, actor), name)
        ward(upload)
        ledger.files.delete_upload(upload, now)
        return replace(upload, deleted_at=upload.deleted_at or now)

    return await services.work.write(story)


async def restore_upload(
    services: Services, actor: Actor, look: Look[Space], name: Name, ward: Ward = nobodys
) -> Upload:
    """Bring a deleted file back, to where it was. Safe to repeat.

    Raises:
        Missing: it is gone for good.
        Missing, Forbidden: as ``find_upload``.
        ReadOnly: as ``ward``.

    """

    def story(ledger: Ledger) -> Upload:
        upload = _known(ledger, look(ledger, actor), name)
        ward(upload)
        ledger.files.restore_upload(upload)
        return replace(upload, deleted_at=None)

    return await services.work.write(story)


def restorable_until(services: Services, upload: Upload) -> datetime | None:
    """When a sweep may come for a deleted file; ``None`` for one that is there."""
    return None if upload.deleted_at is None else upload.deleted_at + services.delete_grace


def _there(ledger: Ledger, space: Space, name: Name) -> Upload:
    """As ``_known``, of those that were not deleted."""
    upload = _known(ledger, space, name)
    if upload.deleted_at is not None:
        raise _missing(name)
    return upload


def _known(ledger: Ledger, space: Space, name: Name) -> Upload:
    """The upload of this name in this space; in another it does not exist here."""
    if isinstance(name, int):
        upload = ledger.files.find_by_number(name)
    else:
        upload = ledger.files.find_uploads(space.number, [name], with_deleted=True).get(name)
    if upload is None or upload.space_id != space.number or not upload.blob.state.is_told:
        raise _missing(name)
    return upload


def _missing(name: Name) -> Missing:
    return Missing("upload" if isinstance(name, int) else "attachment", str(name))
