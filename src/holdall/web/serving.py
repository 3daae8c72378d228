"""A readable upload, or one of its variants, as an HTTP answer."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from holdall.domain.signatures import TYPES
from holdall.domain.variants import Recipe
from holdall.errors import BytesDamaged, BytesLost, StorageUnavailable
from holdall.flows.scrub import forsake, lose
from holdall.flows.serve import MayRead, Readable, Untouched, as_kept, find_upload, of_variant, open_bytes, whole
from holdall.ports import LocalPaths, SignedUrls
from holdall.web.bytes import Served, respond
from holdall.web.edge import edge_of
from holdall.web.elsewhere import GOOD_FOR_SECONDS, Elsewhere
from holdall.web.sizes import in_best_format
from holdall.web.visit import visit_of

INLINE_MIMES = frozenset(type.mime for type in TYPES if type.is_inline)
EXTENSIONS = {type.mime: type.extension for type in TYPES}
PRIVATE = "private, max-age=3600, must-revalidate"
"""Files never change under their name, but who may read them does: no shared cache, and ask again after an hour."""


async def serve(
    request: Request, path: str, recipe: Recipe | None, may_read: MayRead, untouched: Untouched = as_kept
) -> Response:
    """The file behind a public name, or its rendition by ``recipe``, in the format that suits the client best.

    A rendition whose bytes are gone or damaged is made anew.

    Raises:
        Missing: there is none, or not for this caller.
        BytesLost: there is one, and its bytes are gone or damaged; that it is lost is on record then.
        StorageUnavailable: its bytes cannot be had.
        InspectorUnavailable: a rendition cannot be made now.

    """
    visit_of(request).ask(path)
    try:
        return await _serve(request, path, recipe, may_read, untouched)
    except _RenditionGone:
        return await _serve(request, path, recipe, may_read, untouched)


class _RenditionGone(StorageUnavailable):
    """It was forgotten, and can be made anew."""


async def _serve(
    request: Request, path: str, recipe: Recipe | None, may_read: MayRead, untouched: Untouched
) -> Response:
    edge = edge_of(request)
    services, visit = edge.services, visit_of(request)
    upload, plain = await find_upload(services, path, may_read, untouched)
    recipe, variant = recipe or plain, None
    visit.find(upload, "" if recipe is None else recipe.name)
    try:
        if recipe is None:
            readable, served = (found := whole(upload)), _served(found)
        else:
            fitting = in_best_format(recipe, request.headers.get("accept", ""))
            variant = await edge.variants.obtain(upload.blob, fitting)
            readable = of_variant(upload, variant)
            served = _served_variant(readable)

        async def open(start: int, stop: int) -> AsyncIterator[bytes]:
            return await open_bytes(services, readable, start, stop)

        where = services.blobs.local_path(readable.key) if isinstance(services.blobs, LocalPaths) else None
        return await respond(request, served, open, where, _elsewhere(request, readable))
    except BytesDamaged as damage:
        if variant is None:
            await lose(services, upload.blob, damage.reason)
            raise BytesLost("upload", path) from damage
        await forsake(services, upload.blob, variant, damage.reason)
        raise _RenditionGone(damage.reason) from damage


def _elsewhere(request: Request, readable: Readable) -> Elsewhere | None:
    """How clients are led to these bytes; ``None``: they are not, or the store cannot be led to (encrypted, moving)."""
    edge, visit = edge_of(request), visit_of(request)
    blobs = edge.services.blobs
    if not edge.redirect_from or readable.size < edge.redirect_from or not isinstance(blobs, SignedUrls):
        return None

    async def sign(length: int, answer: Mapping[str, str]) -> str:
        try:
            url = await blobs.signed_url(readable.key, readable.size, answer, GOOD_FOR_SECONDS)
        except FileNotFoundError as error:
            raise BytesDamaged(f"the bytes of {readable.key} are gone") from error
        visit.lead_elsewhere(length)
        return url

    return Elsewhere(edge.redirect_from, sign)


def _served(readable: Readable) -> Served:
    return Served(
        size=readable.size,
        etag=f'"sha256-{readable.sha256}"',
        mime=readable.mime,
        name=readable.upload.name,
        inline=readable.mime in INLINE_MIMES,
        last_modified=readable.upload.created_at,
        sha256=readable.sha256,
        cache_control=PRIVATE,
    )


def _served_variant(readable: Readable) -> Served:
    """As ``_served``, under the file's name with the extension of what it became."""
    stem = readable.upload.name.rpartition(".")[0] or readable.upload.name
    return replace(_served(readable), name=f"{stem}.{EXTENSIONS[readable.mime]}", vary="Accept")
