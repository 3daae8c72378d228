"""Bika's nodes and fields, made and changed: an extension, in the same envelope (docs/reference/bika.md)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.bika import query, wire
from holdall.dialects.bika.asking import answer
from holdall.domain.access import Actor
from holdall.domain.records import FieldType, NodeType
from holdall.errors import ChoiceRefused, Malformed
from holdall.flows import fields, structure
from holdall.flows.fields import FieldChange, NewField, Terms
from holdall.flows.once import Once, message_fingerprint
from holdall.flows.shaping import Shaping
from holdall.flows.structure import NewNode, NodeChange, Placed
from holdall.web.body import read_json, read_json_if_any
from holdall.web.edge import edge_of

E = TypeVar("E", bound=StrEnum)
_SHOWN = 50
_NODE_KEYS = {"type", "name", "description", "parentId", "fields"}
_NODE_CHANGE_KEYS = {"name", "description", "parentId", "preNodeId"}
_FIELD_KEYS = {"name", "type", "description", "property", "position"}
_FIELD_CHANGE_KEYS = _FIELD_KEYS | {"allowLoss", "dryRun"}


# ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def create_node(request: Request, actor: Actor) -> Response:
    """A new folder, or a new database with its fields."""
    body = await read_json(request, edge_of(request).pace)
    refuse_others(body, _NODE_KEYS)
    new = NewNode(
        type=word(body, "type", NodeType),
        name=_text(body, "name"),
        parent_id=text_or_none(body, "parentId"),
        description=text_or_none(body, "description") or "",
        fields=[_new_field(each, {"primary"}) for each in objects(body, "fields")],
    )
    return _told(await structure.create_node(edge_of(request).services, shaping(request, actor, body), new))


async def change_node(request: Request, actor: Actor) -> Response:
    """A node with another name, description or place."""
    body = await read_json(request, edge_of(request).pace)
    refuse_others(body, _NODE_CHANGE_KEYS)
    change = NodeChange(
        name=text_or_none(body, "name"),
        description=text_or_none(body, "description"),
        parent_id=text_or_none(body, "parentId"),
        is_placed="preNodeId" in body,
        after_id=text_or_none(body, "preNodeId"),
    )
    order = shaping(request, actor, body)
    return _told(await structure.change_node(edge_of(request).services, order, request.path_params["node_id"], change))


async def delete_node(request: Request, actor: Actor) -> Response:
    """A node less, with all that is below it; it can be restored for a while."""
    body = await read_json_if_any(request, edge_of(request).pace)
    removed = await structure.delete_node(
        edge_of(request).services,
        shaping(request, actor, body),
        request.path_params["node_id"],
        is_recursive=_flag(request, body, "recursive"),
        is_dry=_flag(request, body, "dryRun"),
    )
    return answer(wire.removed_node(removed))


async def restore_node(request: Request, actor: Actor) -> Response:
    """A deleted node, where it was."""
    order = shaping(request, actor, {})
    return _told(await structure.restore_node(edge_of(request).services, order, request.path_params["node_id"]))


def _told(placed: Placed) -> Response:
    return answer(next(node for node in wire.nodes(placed.tree) if node["id"] == placed.node.id))


# ── fields ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def create_field(request: Request, actor: Actor) -> Response:
    """A new field."""
    body = await read_json(request, edge_of(request).pace)
    made = await fields.create_field(
        edge_of(request).services,
        shaping(request, actor, body),
        request.path_params["database_id"],
        _new_field(body, set()),
    )
    return answer(wire.field(made.field, made.among))


async def change_field(request: Request, actor: Actor) -> Response:
    """A field with another name, description, place, type or properties; and what that did to its values."""
    body = await read_json(request, edge_of(request).pace)
    refuse_others(body, _FIELD_CHANGE_KEYS)
    change = FieldChange(
        name=text_or_none(body, "name"),
        description=text_or_none(body, "description"),
        type=None if body.get("type") is None else word(body, "type", FieldType),
        properties=_object_or_none(body, "property"),
        position=position(body),
    )
    terms = _terms(request, body)
    changed = await fields.change_field(
        edge_of(request).services,
        shaping(request, actor, body),
        request.path_params["database_id"],
        request.path_params["field_id"],
        change,
        terms,
    )
    shown = wire.field(changed.field, changed.among)
    return answer({"field": shown, "change": wire.report(changed.report), "dryRun": terms.is_dry})


async def delete_field(request: Request, actor: Actor) -> Response:
    """A field less, and what that did to its values."""
    body = await read_json_if_any(request, edge_of(request).pace)
    terms = _terms(request, body)
    changed = await fields.delete_field(
        edge_of(request).services,
        shaping(request, actor, body),
        request.path_params["database_id"],
        request.path_params["field_id"],
        terms,
    )
    told = {"id": changed.field.id, "deleted": not terms.is_dry, "change": wire.report(changed.report)}
    return answer({**told, "dryRun": terms.is_dry})


def _new_field(body: Mapping[str, Any], also: set[str]) -> NewField:
    refuse_others(body, _FIELD_KEYS | also)
    return NewField(
        name=_text(body, "name"),
        type=word(body, "type", FieldType),
        properties=_object_or_none(body, "property") or {},
        description=text_or_none(body, "description") or "",
        position=position(body),
        is_primary=_truth(body, "primary"),
    )


# ── what they share ──────────────────────────────────────────────────────────────────────────────────────────────


def shaping(request: Request, actor: Actor, body: Mapping[str, Any]) -> Shaping:
    """Who shapes which space; with an Idempotency-Key, once."""
    key, space_id = request.headers.get("idempotency-key"), request.path_params["space_id"]
    if key is None:
        return Shaping(actor, space_id)
    asked = f"{request.method} {request.url.path}?{request.url.query}"
    return Shaping(actor, space_id, Once(edge_of(request).services, actor, key, message_fingerprint(asked, body)))


def _terms(request: Request, body: Mapping[str, Any]) -> Terms:
    return Terms(is_dry=_flag(request, body, "dryRun"), allows_loss=_flag(request, body, "allowLoss"))


def _flag(request: Request, body: Mapping[str, Any], name: str) -> bool:
    """``true`` or ``false`` in the query, or in the body."""
    given = request.query_params.get(name)
    if given is not None:
        return query.one_of(name, given, "false", "true") == "true"
    return _truth(body, name)


def _truth(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Malformed("json", f"{name} is true or false")
    return bool(value)


def refuse_others(body: Mapping[str, Any], known: set[str]) -> None:
    """What is not known would be passed over in silence: a misspelled wish is refused."""
    for key in body:
        if key not in known:
            raise Malformed("json", f"{key[:_SHOWN]} is not known here; there are {', '.join(sorted(known))}")


def _text(body: Mapping[str, Any], key: str) -> str:
    value = text_or_none(body, key)
    if value is None:
        raise Malformed("json", f"{key} is missing")
    return value


def text_or_none(body: Mapping[str, Any], key: str) -> str | None:
    """A text of the message; ``None``: it is not given. Raises ``Malformed``: it is something else."""
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise Malformed("json", f"{key} is text")
    return value


def _object_or_none(body: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    value = body.get(key)
    if value is not None and not isinstance(value, dict):
        raise Malformed("json", f"{key} is an object")
    return value


def objects(body: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A list of objects of the message; empty where it is not given. Raises ``Malformed``: it is something else."""
    value = body.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise Malformed("json", f"{key} is a list of objects")
    return value


def position(body: Mapping[str, Any]) -> int | None:
    """A place among others, counted from 0; ``None``: it is not given. Raises ``Malformed``: it is something else."""
    value = body.get("position")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise Malformed("json", "position is a whole number, counted from 0")
    return value


def word(body: Mapping[str, Any], key: str, words: type[E]) -> E:
    """One of these words. Raises ``Malformed``, ``ChoiceRefused``: it is missing, or another."""
    value = _text(body, key)
    if value not in words.__members__:
        raise ChoiceRefused(key, value[:_SHOWN], tuple(words))
    return words(value)
