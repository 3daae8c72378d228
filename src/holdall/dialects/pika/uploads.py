"""Pika's uploads as a resource of their own: an extension, with the wire's error shape (docs/reference/pika.md)."""

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.pika import wire
from holdall.dialects.pika.asking import DEFAULT_PAGE, MAX_NUMBER, MAX_PAGE, caller, choose, counted, path_number
from holdall.dialects.pika.policy import ENTITIES, POLICIES
from holdall.domain.access import Scope
from holdall.domain.files import BlobState, Upload
from holdall.errors import Missing
from holdall.flows import uploads
from holdall.flows.access import at_home, holding
from holdall.ports import UploadSearch
from holdall.web.dialect import json_response
from holdall.web.edge import edge_of
from holdall.web.visit import visit_of

_YES_OR_NO = ("true", "false")


async def list_uploads(request: Request) -> Response:
    """The caller's files, newest first, or the deleted ones; ``next`` is what ``before`` takes for the next page."""
    edge, params = edge_of(request), request.query_params
    actor, _ = await caller(request, holding(Scope.READ))
    kind, entity, deleted = params.get("type"), params.get("entityType"), params.get("deleted")
    search = UploadSearch(
        kind="" if kind is None else choose("attachmentType", kind, tuple(POLICIES)),
        entity="" if entity is None else choose("entityType", entity, ENTITIES),
        is_deleted=deleted is not None and choose("deleted", deleted, _YES_OR_NO) == "true",
    )
    found = await uploads.list_uploads(
        edge.services,
        actor,
        at_home(Scope.READ),
        search,
        before=counted(request, "before", MAX_NUMBER),
        limit=counted(request, "limit", MAX_PAGE) or DEFAULT_PAGE,
    )
    following = str(found.uploads[-1].number) if found.has_more else None
    return json_response({"uploads": [_shown(request, upload) for upload in found.uploads], "next": following})


async def get_upload(request: Request) -> Response:
    """One file of the caller's, deleted or not."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.READ))
    found = await uploads.find_upload(edge_of(request).services, actor, at_home(Scope.READ), number)
    return _answer(request, found.upload)


async def get_link(request: Request) -> Response:
    """An address that opens one file of the caller's without a cookie, until it expires (contract pika, 14, C8)."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.READ))
    edge = edge_of(request)
    upload = (await uploads.find_upload(edge.services, actor, at_home(Scope.READ), number)).upload
    visit_of(request).find(upload)
    if upload.deleted_at is not None or upload.blob.state is not BlobState.READY:
        raise Missing("upload", str(number))
    return json_response(wire.link(upload, edge.links, edge.services.clock.now()))


async def delete_upload(request: Request) -> Response:
    """Out of sight, until it is restored or its grace is over."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.WRITE))
    upload = await uploads.delete_upload(edge_of(request).services, actor, at_home(Scope.WRITE), number)
    return _answer(request, upload)


async def restore_upload(request: Request) -> Response:
    """Back where it was."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.WRITE))
    upload = await uploads.restore_upload(edge_of(request).services, actor, at_home(Scope.WRITE), number)
    return _answer(request, upload)


def _answer(request: Request, upload: Upload) -> Response:
    visit_of(request).find(upload)
    return json_response(_shown(request, upload))


def _shown(request: Request, upload: Upload) -> dict[str, object]:
    edge = edge_of(request)
    return wire.listed(upload, uploads.restorable_until(edge.services, upload), edge.links.site_url)
