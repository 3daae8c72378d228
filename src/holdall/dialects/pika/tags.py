"""Pika's tags (contract pika, section 7)."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.pika import labels, reading, wire
from holdall.dialects.pika.asking import caller, parameters, path_number
from holdall.domain.access import Scope
from holdall.domain.bookkeeping.entries import Look, Tag
from holdall.flows.access import holding
from holdall.flows.labels import add_tag, change_tag, find_tag, list_tags, remove_tag
from holdall.web.dialect import json_response
from holdall.web.edge import edge_of

_NOT_THEIRS = "unauthorized"
_BLANK = Tag(0, "", "", Look("", "", ""), is_system=False)


async def list_all(request: Request) -> Response:
    """Everybody's first, then the caller's own, each by name."""
    actor, _ = await caller(request, holding(Scope.READ))
    return json_response([labels.tag(tag) for tag in await list_tags(edge_of(request).services, actor)])


async def get_tag(request: Request) -> Response:
    """One of everybody's, or of the caller's own."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.READ))
    return json_response(labels.tag(await find_tag(edge_of(request).services, actor, number)))


async def create_tag(request: Request) -> Response:
    """A new one."""
    actor, _ = await caller(request, holding(Scope.WRITE))
    given = await parameters(request)
    return json_response(labels.tag(await add_tag(edge_of(request).services, actor, lambda: _read(given, _BLANK))))


async def update_tag(request: Request) -> Response:
    """One of the caller's own as it is to be from now on, answered as the row that is kept; what is not named stays."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.WRITE))
    given = await parameters(request)
    with labels.hidden_as(_NOT_THEIRS):
        changed = await change_tag(edge_of(request).services, actor, number, lambda tag: _changed(given, tag))
    return json_response(wire.tag_row(changed, actor.user))


async def delete_tag(request: Request) -> Response:
    """One of the caller's own; it is taken off their transactions."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.WRITE))
    with labels.hidden_as(_NOT_THEIRS):
        await remove_tag(edge_of(request).services, actor, number)
    return json_response({"message": "Tag deleted successfully"})


def _changed(given: reading.Given, tag: Tag) -> Tag:
    return _read(reading.change(given, labels.as_sent(tag)), tag)


def _read(given: reading.Given, tag: Tag) -> Tag:
    return replace(
        tag,
        name=reading.name(given.get("name"), "invalid_tag_name"),
        look=labels.look(given),
        description=reading.text(given, "description"),
    )
