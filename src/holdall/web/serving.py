"""A readable upload, or one of its variants, as an HTTP answer."""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from holdall.domain.signatures import TYPES
from holdall.flows.serve import MayRead, Readable, find_readable, open_bytes
from holdall.ports import LocalPaths
from holdall.web.bytes import Served, respond
from holdall.web.edge import edge_of
from holdall.web.visit import visit_of

INLINE_MIMES = frozenset(type.mime for type in TYPES if type.is_inline)
PRIVATE = "private, max-age=3600, must-revalidate"
"""Files never change under their name, but who may read them does: no shared cache, and ask again after an hour."""


async def serve(request: Request, path: str, recipe: str | None, may_read: MayRead) -> Response:
    """The file behind a public name.

    Raises:
        Missing: there is none, or not for this caller.
        StorageUnavailable: its bytes cannot be had.

    """
    services = edge_of(request).services
    visit = visit_of(request)
    visit.ask(path)
    readable = await find_readable(services, path, recipe, may_read)
    visit.find(readable.upload, recipe or "")

    async def open(start: int, stop: int) -> AsyncIterator[bytes]:
        return await open_bytes(services, readable, start, stop)

    where = services.blobs.local_path(readable.key) if isinstance(services.blobs, LocalPaths) else None
    return await respond(request, _served(readable), open, where)


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
