"""Bika's views, made and changed: an extension, in the same envelope (docs/reference/bika.md)."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.bika import wire
from holdall.dialects.bika.asking import answer
from holdall.dialects.bika.filter_language import parse, renamed
from holdall.dialects.bika.filter_meaning import Meaning
from holdall.dialects.bika.listing import MAX_SORTS, sort_keys
from holdall.dialects.bika.structure import objects, position, refuse_others, shaping, text_or_none, word
from holdall.domain.access import Actor
from holdall.domain.records import Database
from holdall.domain.structure import MAX_FIELDS
from holdall.domain.views import ViewSort, ViewType
from holdall.errors import FieldUnknown, Malformed
from holdall.flows import shaping_views
from holdall.flows.shaping_views import Look, ViewChange
from holdall.web.body import read_json, read_json_if_any
from holdall.web.edge import edge_of

_KEYS = {"name", "type", "description", "filter", "sort", "hiddenFields", "position"}


async def create_view(request: Request, actor: Actor) -> Response:
    """A new view."""
    body = await read_json(request, edge_of(request).pace)
    order, database_id = shaping(request, actor, body), request.path_params["database_id"]
    viewed = await shaping_views.create_view(edge_of(request).services, order, database_id, _wanted(body))
    return answer(wire.view(viewed.views[0], viewed.database.fields))


async def change_view(request: Request, actor: Actor) -> Response:
    """A view with another name, type, description, look or place. What is left out stays."""
    body = await read_json(request, edge_of(request).pace)
    order, params = shaping(request, actor, body), request.path_params
    viewed = await shaping_views.change_view(
        edge_of(request).services, order, params["database_id"], params["view_id"], _wanted(body)
    )
    return answer(wire.view(viewed.views[0], viewed.database.fields))


async def delete_view(request: Request, actor: Actor) -> Response:
    """A view less."""
    body = await read_json_if_any(request, edge_of(request).pace)
    order, params = shaping(request, actor, body), request.path_params
    await shaping_views.delete_view(edge_of(request).services, order, params["database_id"], params["view_id"])
    return answer({"id": params["view_id"], "deleted": True})


def _wanted(body: Mapping[str, Any]) -> ViewChange:
    refuse_others(body, _KEYS)
    filter, hidden = text_or_none(body, "filter"), _names(body, "hiddenFields")
    sorts = objects(body, "sort") if body.get("sort") is not None else None
    if sorts is not None and len(sorts) > MAX_SORTS:
        raise Malformed("json", f"sort has more than {MAX_SORTS} keys")

    def look(database: Database) -> Look:
        return Look(
            None if filter is None else _by_ids(filter, database),
            None if sorts is None else _sorts(sorts, database),
            None if hidden is None else frozenset(_id(name, database) for name in hidden),
        )

    return ViewChange(
        look,
        name=text_or_none(body, "name"),
        type=None if body.get("type") is None else word(body, "type", ViewType),
        description=text_or_none(body, "description"),
        position=position(body),
    )


def _by_ids(filter: str, database: Database) -> str:
    """The filter as it is kept: it means something here, and goes on meaning that when fields are called otherwise."""
    if not filter.strip():
        return ""
    Meaning(database, UTC).of(parse(filter))
    return renamed(filter, lambda name: _id_or_same(name, database))


def _id_or_same(name: str, database: Database) -> str:
    """A field's id; of ``Pictures.count``, which is asked about a part, the name as it is."""
    field = database.find_field(name)
    return name if field is None else field.id


def _sorts(given: Sequence[Mapping[str, Any]], database: Database) -> tuple[ViewSort, ...]:
    return tuple(ViewSort(sort.field.id, sort.is_descending) for sort in sort_keys(given, database))


def _names(body: Mapping[str, Any], key: str) -> list[str] | None:
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_FIELDS or not all(isinstance(each, str) for each in value):
        raise Malformed("json", f"{key} is a list of at most {MAX_FIELDS} names or ids of fields")
    return value


def _id(name: str, database: Database) -> str:
    field = database.find_field(name)
    if field is None:
        raise FieldUnknown(name[:100])
    return field.id
