"""The story of a download: who may read, then which upload, then which bytes."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from holdall.domain.access import Actor, Scope
from holdall.domain.files import BlobState, Upload, Variant
from holdall.domain.variants import BARE, BARED, Recipe
from holdall.errors import BytesDamaged, BytesLost, Missing
from holdall.flows.access import demand
from holdall.ports import Ledger, Services

MayRead = Callable[[Ledger, Upload], bool]
"""Decides, inside the reading transaction, whether this caller may have this upload."""


@dataclass(frozen=True, slots=True)
class Readable:
    """Bytes that the caller may have: an upload's own, or those of one of its variants."""

    upload: Upload
    key: str
    size: int
    mime: str
    sha256: str


Untouched = Callable[[Ledger, Upload], Recipe | None]
"""Decides, in the same transaction, how a file is served where no rendition is asked for; ``None``: as it is."""


def as_kept(_ledger: Ledger, _upload: Upload) -> None:
    """Byte for byte."""


def hiding_places(*, by_default: bool) -> Untouched:
    """Pictures bare of their metadata, where their space wants it or, when it says nothing, the house."""

    def decide(ledger: Ledger, upload: Upload) -> Recipe | None:
        if upload.blob.mime not in BARED:
            return None
        own = ledger.spaces.rules(upload.space_id).hides_places
        return BARE if (by_default if own is None else own) else None

    return decide


def anyone(_ledger: Ledger, _upload: Upload) -> bool:
    """For links whose signature is the permission."""
    return True


def owner(actor: Actor) -> MayRead:
    """Only who uploaded it, with a credential that may read.

    The scope is asked for at once, not with the file in hand: the refusal must not tell that there is one.
    """
    demand(actor, Scope.READ)
    return lambda _ledger, upload: upload.user_id == actor.user.number


def member(actor: Actor) -> MayRead:
    """Any member of the space that it lies in, with a credential that may read; asked for as by ``owner``."""
    demand(actor, Scope.READ)
    return lambda ledger, upload: any(
        membership.space.number == upload.space_id for membership in ledger.spaces.of(actor.user)
    )


async def find_upload(
    services: Services, path: str, may_read: MayRead, untouched: Untouched
) -> tuple[Upload, Recipe | None]:
    """The upload behind a public name, and how it is served where no rendition is asked for.

    Raises:
        Missing: there is none, or it is not for this caller; which of the two is not told.
        BytesLost: there is one, for this caller, and its bytes are lost.

    """

    def look(ledger: Ledger) -> tuple[Upload, Recipe | None] | None:
        upload = ledger.files.find_by_path(path)
        if upload is None or not upload.blob.state.is_told or not may_read(ledger, upload):
            return None
        if upload.blob.state is BlobState.LOST:
            raise BytesLost("upload", path)
        return upload, untouched(ledger, upload)

    found = await services.work.glance(look)
    if found is None:
        raise Missing("upload", path)
    return found


def whole(upload: Upload) -> Readable:
    """An upload's own bytes."""
    blob = upload.blob
    return Readable(upload, blob.key, blob.size, blob.content_type, blob.sha256)


def of_variant(upload: Upload, variant: Variant) -> Readable:
    """Those of a variant of it."""
    return Readable(upload, variant.key, variant.size, variant.mime, variant.sha256)


async def open_bytes(services: Services, readable: Readable, start: int, stop: int) -> AsyncIterator[bytes]:
    """The bytes ``start`` to ``stop``.

    Raises:
        BytesDamaged: there are none, or they are surely not what came.
        StorageUnavailable: the store does not answer.

    """
    try:
        return await services.blobs.open(readable.key, start, stop)
    except FileNotFoundError as error:
        raise BytesDamaged(f"the bytes of {readable.key} are gone") from error
