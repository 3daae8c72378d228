"""Bika's attachments as a resource of their own: an extension, in the same envelope (docs/reference/bika.md)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdall.dialects.bika import query, wire
from holdall.domain.access import Actor, Scope, Space
from holdall.domain.fieldtypes.times import parse_time
from holdall.domain.files import Upload
from holdall.errors import ChoiceRefused, Malformed, Missing
from holdall.flows import uploads
from holdall.flows.access import Look, entering
from holdall.flows.serve import hiding_places, member
from holdall.ports import UploadSearch
from holdall.web.body import read_json
from holdall.web.budgets import neighbourhood, spend
from holdall.web.dialect import json_response
from holdall.web.edge import edge_of
from holdall.web.serving import serve
from holdall.web.sizes import asked_recipe
from holdall.web.visit import visit_of

_WARD = uploads.of_no_entity("Pika's upload API")
"""What an avatar or a receipt hangs on, this dialect does not see: such a file can be read, and no more."""
_MAX_WORD = 255
"""Characters of what is searched for."""
_MAX_DIGITS = 18
STATES: Mapping[str, Mapping[str, Any]] = {
    "attached": {"is_attached": True},
    "unattached": {"is_attached": False},
    "flagged": {"is_flagged": True},
    "infected": {"is_infected": True},
    "lost": {"is_lost": True},
    "deleted": {"is_deleted": True},
}
"""What ``state`` narrows a list to."""


async def list_attachments(request: Request, actor: Actor) -> Response:
    """The files of a space, newest first, behind a cursor; or its deleted ones."""
    edge, params = edge_of(request), request.query_params
    cursor, size = query.decode_cursor(params.get("offset")), query.page_size(params)
    look = _space(request, Scope.READ)
    search = _search(request)
    found = await uploads.list_uploads(edge.services, actor, look, search, before=cursor.after or None, limit=size)
    following = query.Cursor(found.uploads[-1].number, cursor.seen + size).encode() if found.has_more else None
    shown = [_shown(request, upload) for upload in found.uploads]
    more = {"offset": following} if following else {}
    return json_response(wire.envelope({"attachments": shown, "hasMore": found.has_more, **more}))


async def get_attachment(request: Request, actor: Actor) -> Response:
    """One file, deleted or not, and the cells that it hangs in."""
    edge = edge_of(request)
    found = await uploads.find_upload(edge.services, actor, _space(request, Scope.READ), _id(request))
    visit_of(request).find(found.upload)
    until = uploads.restorable_until(edge.services, found.upload)
    return json_response(wire.envelope(_wire(request).found(found, until)))


async def get_content(request: Request, actor: Actor) -> Response:
    """To the bytes, by a signed link."""
    edge = edge_of(request)
    found = await uploads.find_upload(edge.services, actor, _space(request, Scope.READ), _id(request))
    if found.upload.deleted_at is not None:
        raise Missing("attachment", found.upload.id)
    visit_of(request).find(found.upload)
    url = _wire(request).upload(found.upload)["url"]
    return RedirectResponse(url, 307, {"Cache-Control": "no-store"})


async def download(request: Request, actor: Actor) -> Response:
    """The bytes themselves, as by a signed link."""
    await spend(request, "download", neighbourhood(request))
    edge = edge_of(request)
    asked = asked_recipe(request.query_params)
    path = await uploads.path_of(edge.services, actor, _space(request, Scope.READ), _id(request))
    return await serve(request, path, asked, member(actor), hiding_places(by_default=edge.hides_places))


async def rename_attachment(request: Request, actor: Actor) -> Response:
    """Another ``name``: what an upload's answer calls ``originalName``."""
    edge = edge_of(request)
    body = await read_json(request, edge.pace)
    name = body.get("name")
    if not isinstance(name, str):
        raise Malformed("json", "name, the new name, is missing")
    upload = await uploads.rename_upload(edge.services, actor, _space(request, Scope.WRITE), _id(request), name, _WARD)
    return _answer(request, upload)


async def delete_attachment(request: Request, actor: Actor) -> Response:
    """Out of sight, until it is restored or its grace is over."""
    space = _space(request, Scope.WRITE)
    return _answer(request, await uploads.delete_upload(edge_of(request).services, actor, space, _id(request), _WARD))


async def restore_attachment(request: Request, actor: Actor) -> Response:
    """Back where it was."""
    space = _space(request, Scope.WRITE)
    return _answer(request, await uploads.restore_upload(edge_of(request).services, actor, space, _id(request), _WARD))


def _answer(request: Request, upload: Upload) -> Response:
    visit_of(request).find(upload)
    return json_response(wire.envelope(_shown(request, upload)))


def _shown(request: Request, upload: Upload) -> dict[str, object]:
    return _wire(request).listed(upload, uploads.restorable_until(edge_of(request).services, upload))


def _wire(request: Request) -> wire.Wire:
    edge = edge_of(request)
    return wire.Wire(edge.links, edge.services.clock.now())


def _space(request: Request, scope: Scope) -> Look[Space]:
    return entering(request.path_params["space_id"], scope)


def _id(request: Request) -> str:
    return str(request.path_params["attachment_id"])


def _search(request: Request) -> UploadSearch:
    """What the query narrows the list to."""
    state = request.query_params.get("state")
    if state is not None and state not in STATES:
        raise ChoiceRefused("state", state[:50], tuple(STATES))
    search = UploadSearch(
        mime=_word(request, "mimeType").removesuffix("*"),
        name=_word(request, "name"),
        is_attached=_flag(request, "attached"),
        is_deleted=bool(_flag(request, "deleted")),
        min_size=_size(request, "minSize"),
        max_size=_size(request, "maxSize"),
        created_from=_time(request, "createdFrom"),
        created_before=_time(request, "createdBefore"),
        used_in=_word(request, "usedIn"),
    )
    return search if state is None else replace(search, **STATES[state])


def _size(request: Request, name: str) -> int | None:
    """Bytes; ``None`` when absent."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise Malformed("query", f"{name} is {text[:50]!r}; it can be a number of bytes")
    return int(text)


def _time(request: Request, name: str) -> datetime | None:
    """A time in ISO 8601, in UTC unless it says otherwise; ``None`` when absent."""
    text = request.query_params.get(name)
    try:
        return None if text is None else parse_time(text, UTC)
    except ValueError as error:
        raise Malformed("query", f"{name} is {(text or '')[:50]!r}; it can be a time in ISO 8601") from error


def _word(request: Request, name: str) -> str:
    """A parameter to search by; ``""`` when absent."""
    word = request.query_params.get(name, "")
    if len(word) > _MAX_WORD or "\0" in word:
        raise Malformed("query", f"{name} has at most {_MAX_WORD} characters, and no NUL")
    return word


def _flag(request: Request, name: str) -> bool | None:
    """``true`` or ``false``; ``None`` when absent."""
    value = request.query_params.get(name)
    return None if value is None else query.one_of(name, value, "true", "false") == "true"
