"""What every door does around an upload: spend the caller's budget, receive the form, do it once."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import replace

from starlette.requests import Request

from holdall.domain.access import Actor, Space
from holdall.domain.files import Staged, Upload
from holdall.domain.quota import Room, Usage
from holdall.errors import HoldallError, Missing, TooLarge
from holdall.flows.once import Once, fingerprint
from holdall.flows.quota import room_for
from holdall.flows.upload import UploadRequest, upload
from holdall.ports import Services
from holdall.web.budgets import spend
from holdall.web.edge import edge_of
from holdall.web.receive import FORM_SLACK_BYTES, BodyLimits, Form, announced_length, receive_form
from holdall.web.visit import visit_of

_FORM_BYTES = 8192
"""What a form is larger than its files, generously: a body that is announced to be larger than what is left by less
than this may fit, and is read to find out."""


@asynccontextmanager
async def received(request: Request, actor: Actor, space: Space, limits: BodyLimits) -> AsyncIterator[Form]:
    """The form of an upload, for a caller that still has budget and room; told before a byte of the body is read.

    Raises:
        RateLimited: the budget is used up, or too many uploads of theirs are in hand.
        QuotaExceeded: the body is announced to be more than there is room for, or turns out to be.
        Rejected, Unavailable: as ``receive_form``.

    """
    services = edge_of(request).services
    await spend(request, "upload", actor.key)
    room = await room_for(services, actor, space)
    narrowed = _narrowed(limits, room, request)
    async with AsyncExitStack() as staged:
        staged.enter_context(services.limiter.occupy("upload", actor.key))
        with _promised(services, room, request):
            try:
                with services.meter.step("receive"):
                    form = await staged.enter_async_context(
                        receive_form(request.receive, request.headers, services.staging, narrowed)
                    )
            except TooLarge as error:
                raise _cause(error, room, narrowed if narrowed is not limits else None) from error
        visit_of(request).bring(form.files)
        yield form


def _promised(services: Services, room: Room, request: Request) -> AbstractContextManager[None]:
    """Hold room for a body while it is read; afterwards the database keeps the books."""
    if not room.limits or _may_be_a_repeat(request):
        return nullcontext()
    announced = announced_length(request.headers) - _FORM_BYTES
    return services.holds.hold(room, Usage(max(0, announced), 1))


def _narrowed(limits: BodyLimits, room: Room, request: Request) -> BodyLimits:
    """Read no more than there is room for, whatever length was announced, or none."""
    most = None if room.bytes is None else room.bytes + FORM_SLACK_BYTES
    if most is None or most >= limits.max_body_bytes or _may_be_a_repeat(request):
        return limits
    return replace(limits, max_body_bytes=most)


def _may_be_a_repeat(request: Request) -> bool:
    """Of a repeat nothing would be kept, and only its bytes tell that it is one."""
    return "idempotency-key" in request.headers


def _cause(error: TooLarge, room: Room, narrowed: BodyLimits | None) -> HoldallError:
    """Too large as such, or for the room that was left."""
    if narrowed is None:
        return error
    return room.refusal({}, Usage(narrowed.max_body_bytes, 1)) or error


async def upload_once(
    request: Request, order: UploadRequest, files: Sequence[Staged], fields: Mapping[str, str]
) -> list[Upload]:
    """Upload the files, or find what the same request with the same Idempotency-Key led to before.

    Raises:
        KeyReused, Conflict: see ``flows.once``.
        Missing: a file that the key led to was deleted, and swept.
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
    uploads = await work.read(lambda ledger: ledger.files.find_uploads(space.number, ids, with_deleted=True))
    for id in ids:
        if id not in uploads:
            raise Missing("upload", id)
    return [uploads[id] for id in ids]
