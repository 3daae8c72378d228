"""What every door does around an upload: spend the caller's budget, receive the form, do it once."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from starlette.requests import Request

from holdall.domain.access import Actor, Space
from holdall.domain.files import Staged, Upload
from holdall.flows.once import Once, fingerprint
from holdall.flows.upload import UploadRequest, upload
from holdall.web.edge import edge_of
from holdall.web.receive import BodyLimits, Form, receive_form
from holdall.web.visit import visit_of


@asynccontextmanager
async def received(request: Request, actor: Actor, limits: BodyLimits) -> AsyncIterator[Form]:
    """The form of an upload, for a caller that still has budget; told before a byte of the body is read.

    Raises:
        RateLimited: the budget is used up.
        Rejected, Unavailable: as ``receive_form``.

    """
    services = edge_of(request).services
    await services.limiter.spend("upload", actor.key)
    async with receive_form(request.receive, request.headers, services.staging, limits) as form:
        visit_of(request).bring(form.files)
        yield form


async def upload_once(
    request: Request, order: UploadRequest, files: Sequence[Staged], fields: Mapping[str, str]
) -> list[Upload]:
    """Upload the files, or find what the same request with the same Idempotency-Key led to before.

    Raises:
        KeyReused, Conflict: see ``flows.once``.
        Rejected, Unavailable: as ``flows.upload``.

    """
    services = edge_of(request).services
    key = request.headers.get("idempotency-key")
    mark = "" if key is None else fingerprint(request.url.path, fields, files)
    once = Once(services, order.actor, key, mark)
    done: list[Upload] = []

    async def story() -> list[str]:
        done.extend(await upload(services, order, files, once))
        return [upload.id for upload in done]

    ids = await once.run(story)
    uploads = done or await _recall(request, order.space, ids)
    visit_of(request).keep(uploads)
    return uploads


async def _recall(request: Request, space: Space, ids: Sequence[str]) -> list[Upload]:
    work = edge_of(request).services.work
    uploads = await work.read(lambda ledger: ledger.files.find_uploads(space.number, ids))
    return [uploads[id] for id in ids if id in uploads]
