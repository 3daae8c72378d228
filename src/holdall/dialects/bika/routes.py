"""Bika's endpoints (contract bika, section 3): take the request in, tell a story, speak the answer."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from holdall import __version__
from holdall.dialects.bika import attachments, errors, query, wire
from holdall.dialects.bika.policy import attachment_policy
from holdall.domain.access import Actor, Scope, TokenKind
from holdall.domain.access_log import Action
from holdall.domain.files import FileType, Purpose
from holdall.domain.records import Record
from holdall.domain.variants import recipe_called
from holdall.errors import ChoiceRefused, FileMissing, Malformed, Missing, Unauthenticated
from holdall.flows import access_log, records
from holdall.flows.access import Look, authenticate, entering, holding
from holdall.flows.records import Place
from holdall.flows.serve import anyone, hiding_places
from holdall.flows.upload import UploadRequest
from holdall.ports import Ledger
from holdall.web.body import read_json
from holdall.web.budgets import neighbourhood, spend
from holdall.web.dialect import Dialect, json_response, route
from holdall.web.edge import Edge, edge_of
from holdall.web.serving import serve
from holdall.web.sizes import asked_recipe
from holdall.web.uploading import received, upload_once
from holdall.web.visit import visit_of

T = TypeVar("T")

PREFIX = "/api/openapi/bika"
MAX_FILES = 20
"""In one upload call; Bika's clients send one."""
MAX_BATCH = 10
"""Records in one v2 call (contract bika, section 8)."""

Handler = Callable[[Request, Actor], Awaitable[Response]]


def bika() -> Dialect:
    """The application below ``PREFIX``."""
    space = "/v1/spaces/{space_id}"
    v1 = space + "/resources/databases/{database_id}"
    v2 = v1.replace("/v1/", "/v2/", 1)
    file = space + "/attachments/{attachment_id}"
    view, change = Action.VIEW, Action.CHANGE
    routes = [
        _route("GET", "/v1/system/meta", system_meta, view),
        _route("GET", "/v1/user/profile", user_profile, view),
        _route("GET", "/v1/spaces", list_spaces, view),
        _route("GET", space, get_space, view),
        _route("GET", space + "/nodes", list_nodes, view),
        _route("GET", space + "/nodes/{node_id}", get_node, view),
        route("POST", space + "/attachments", create_attachment, Action.UPLOAD),
        _route("GET", space + "/attachments", attachments.list_attachments, view),
        _route("GET", file, attachments.get_attachment, view),
        _route("PATCH", file, attachments.rename_attachment, change),
        _route("DELETE", file, attachments.delete_attachment, Action.DELETE),
        _route("POST", file + "/restore", attachments.restore_attachment, Action.RESTORE),
        _route("GET", file + "/content", attachments.get_content, view),
        _route("GET", file + "/log", list_events, Action.LOG),
        _route("GET", v1, get_database, view),
        _route("GET", v1 + "/fields", list_fields, view),
        _route("GET", v1 + "/records", list_records_v1, view),
        _route("POST", v1 + "/records", create_record_v1, change),
        _route("PATCH", v1 + "/records", update_record_v1, change),
        _route("PATCH", v1 + "/records/{record_id}", update_record_v1, change),
        _route("PUT", v1 + "/records/{record_id}", update_record_v1, change),
        _route("GET", v2 + "/records", list_records_v2, view),
        _route("POST", v2 + "/records", create_records_v2, change),
        _route("GET", v2 + "/records/{record_id}", get_record_v2, view),
        _route("PUT", v2 + "/records/{record_id}", update_record_v2, change),
    ]
    return Dialect("bika", routes, errors.render)


def files() -> Dialect:
    """The application that serves signed links; its errors are Bika's."""
    return Dialect("files", [route("GET", "/{path:path}", get_file, Action.READ)], errors.render)


def _route(method: str, path: str, handler: Handler, action: Action) -> BaseRoute:
    """A route that knows its caller before it does anything else."""

    async def endpoint(request: Request) -> Response:
        needed = Scope.READ if request.method in ("GET", "HEAD") else Scope.WRITE
        actor, _ = await _caller(request, holding(needed))
        return await handler(request, actor)

    return route(method, path, endpoint, action)


async def _caller(request: Request, look: Look[T]) -> tuple[Actor, T]:
    """Who calls, and what the door wants to know of them."""
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated
    services, visit = edge_of(request).services, visit_of(request)

    def look_as(ledger: Ledger, actor: Actor) -> T:
        visit.actor = actor
        return look(ledger, actor)

    actor, found = await authenticate(services, TokenKind.BEARER, token.strip(), look_as)
    await spend(request, "api", actor.key)
    return actor, found


def _place(request: Request) -> Place:
    return Place(request.path_params["space_id"], request.path_params["database_id"])


def _wire(edge: Edge) -> wire.Wire:
    return wire.Wire(edge.links, edge.services.clock.now())


def _answer(data: Any) -> Response:
    return json_response(wire.envelope(data))


# ── system, user, spaces, nodes (4.1) ────────────────────────────────────────────────────────────────────────────


async def system_meta(request: Request, _actor: Actor) -> Response:
    """What runs here. The request's headers are echoed, less those that carry credentials."""
    kept = {name: value for name, value in request.headers.items() if name not in ("authorization", "cookie")}
    hostname = edge_of(request).links.site_url
    return _answer({"version": __version__, "appEnv": "LOCAL", "hostname": hostname, "headers": kept})


async def user_profile(_request: Request, actor: Actor) -> Response:
    """The caller, bare."""
    return json_response(wire.profile(actor))


async def list_spaces(request: Request, actor: Actor) -> Response:
    """The caller's spaces."""
    memberships = await records.list_spaces(edge_of(request).services, actor)
    return _answer([wire.space(membership) for membership in memberships])


async def get_space(request: Request, actor: Actor) -> Response:
    """One space."""
    membership = await records.find_space(edge_of(request).services, actor, request.path_params["space_id"])
    return _answer(wire.space_detail(membership))


async def list_nodes(request: Request, actor: Actor) -> Response:
    """The space's tree, flat."""
    tree = await records.list_nodes(edge_of(request).services, actor, request.path_params["space_id"])
    return _answer(wire.nodes(tree))


async def get_node(request: Request, actor: Actor) -> Response:
    """One node."""
    tree = await records.list_nodes(edge_of(request).services, actor, request.path_params["space_id"])
    node_id = request.path_params["node_id"]
    shown = next((node for node in wire.nodes(tree) if node["id"] == node_id), None)
    if shown is None:
        raise Missing("node", node_id)
    return _answer(shown)


# ── database metadata (4.2) ──────────────────────────────────────────────────────────────────────────────────────


async def get_database(request: Request, actor: Actor) -> Response:
    """One database with its fields."""
    database = await records.find_database(edge_of(request).services, actor, _place(request))
    return _answer(wire.database(database, request.path_params["space_id"]))


async def list_fields(request: Request, actor: Actor) -> Response:
    """The database's fields."""
    database = await records.find_database(edge_of(request).services, actor, _place(request))
    return _answer([wire.field(field) for field in database.fields])


# ── records, v1 (4.3) ────────────────────────────────────────────────────────────────────────────────────────────


async def list_records_v1(request: Request, actor: Actor) -> Response:
    """A numbered page of records."""
    edge, params = edge_of(request), request.query_params
    query.refuse_unserved(params)
    size, number = query.page_size(params), query.whole_number(params, "pageNum", 1)
    listing = await records.list_records(
        edge.services, actor, _place(request), skip=(number - 1) * size, limit=size, counted=True
    )
    render, wanted = _wire(edge), query.field_names(params)
    return _answer(
        {
            "total": listing.total,
            "pageNum": number,
            "pageSize": size,
            "records": [render.record_v1(listing.database, record, wanted) for record in listing.records],
        }
    )


async def create_record_v1(request: Request, actor: Actor) -> Response:
    """One new record from ``{cells}``."""
    edge = edge_of(request)
    cells = _mapping(await read_json(request, edge.pace), "cells")
    database, created = await records.create_records(edge.services, actor, _place(request), [cells])
    _tell_links(request, created)
    return _answer(_wire(edge).record_cells(database, created[0]))


async def update_record_v1(request: Request, actor: Actor) -> Response:
    """Changed cells of one record; its id stands in the body, or in the path for clients that put it there."""
    edge = edge_of(request)
    body = await read_json(request, edge.pace)
    record_id = request.path_params.get("record_id") or body.get("id")
    if not isinstance(record_id, str):
        raise Malformed("json", "id, the id of the record to change, is missing")
    cells = _mapping(body, "cells")
    changed = await records.update_record(edge.services, actor, _place(request), record_id, cells)
    visit_of(request).tie(changed.record.id, changed.linked, changed.unlinked)
    return _answer(_wire(edge).record_cells(changed.database, changed.record))


# ── records, v2 (4.4) ────────────────────────────────────────────────────────────────────────────────────────────


async def list_records_v2(request: Request, actor: Actor) -> Response:
    """A page of records behind a cursor."""
    edge, params = edge_of(request), request.query_params
    query.refuse_unserved(params)
    cursor = query.decode_cursor(params.get("offset"))
    left = query.whole_number(params, "maxRecords", query.UNLIMITED) - cursor.seen
    size = max(0, min(query.page_size(params), left))
    listing = await records.list_records(
        edge.services, actor, _place(request), after=cursor.after, limit=size + 1, counted=False
    )
    page, has_more = listing.records[:size], len(listing.records) > size and left > size
    by_id, as_text, wanted = _by_id(params.get("fieldKey")), _as_text(request), query.field_names(params)
    render = _wire(edge)
    shown = [render.record_v2(listing.database, record, by_id=by_id, as_text=as_text, wanted=wanted) for record in page]
    following = query.Cursor(page[-1].number, cursor.seen + size).encode() if has_more else None
    return _answer({"records": shown, "hasMore": has_more, **({"offset": following} if following else {})})


async def get_record_v2(request: Request, actor: Actor) -> Response:
    """One record."""
    edge, record_id = edge_of(request), request.path_params["record_id"]
    database, record = await records.find_record(edge.services, actor, _place(request), record_id)
    by_id = _by_id(request.query_params.get("fieldKey"))
    return _answer(_wire(edge).record_v2(database, record, by_id=by_id, as_text=_as_text(request)))


async def create_records_v2(request: Request, actor: Actor) -> Response:
    """One to ten new records, all or none."""
    edge = edge_of(request)
    body = await read_json(request, edge.pace)
    rows = body.get("records")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_BATCH or not all(isinstance(row, dict) for row in rows):
        raise Malformed("json", f"records is a list of 1 to {MAX_BATCH} objects")
    cells = [_mapping(row, "fields") for row in rows]
    database, created = await records.create_records(edge.services, actor, _place(request), cells)
    _tell_links(request, created)
    by_id, render = _by_id(_field_key(request, body)), _wire(edge)
    shown = [render.record_v2(database, record, by_id=by_id, as_text=False) for record in created]
    return _answer({"records": shown})


async def update_record_v2(request: Request, actor: Actor) -> Response:
    """Changed fields of one record; those not named stay."""
    edge, record_id = edge_of(request), request.path_params["record_id"]
    body = await read_json(request, edge.pace)
    fields = _mapping(body, "fields")
    changed = await records.update_record(edge.services, actor, _place(request), record_id, fields)
    visit_of(request).tie(changed.record.id, changed.linked, changed.unlinked)
    by_id = _by_id(_field_key(request, body))
    return _answer(_wire(edge).record_v2(changed.database, changed.record, by_id=by_id, as_text=False))


def _tell_links(request: Request, created: Sequence[Record]) -> None:
    visit = visit_of(request)
    for record in created:
        visit.tie(record.id, records.uploads_of(record))


def _mapping(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = body.get(key)
    if not isinstance(value, dict):
        raise Malformed("json", f"{key} is an object of field names and values")
    return value


def _field_key(request: Request, body: Mapping[str, Any]) -> Any:
    """``fieldKey`` comes in the body or in the query; the body's wins."""
    return body.get("fieldKey", request.query_params.get("fieldKey"))


def _by_id(field_key: Any) -> bool:
    return query.one_of("fieldKey", field_key, "name", "id") == "id"


def _as_text(request: Request) -> bool:
    return query.one_of("cellFormat", request.query_params.get("cellFormat"), "json", "string") == "string"


# ── attachments (4.5) ────────────────────────────────────────────────────────────────────────────────────────────


async def create_attachment(request: Request) -> Response:
    """Files into the space, to be named in attachment cells later."""
    edge = edge_of(request)
    entered = entering(request.path_params["space_id"], Scope.WRITE)
    actor, space = await _caller(request, entered)
    limits = edge.pace.sized(edge.max_upload_bytes, max_files=MAX_FILES)
    order = UploadRequest(
        actor=actor,
        space=space,
        policy=edge.policy("bika", attachment_policy(edge.max_upload_bytes), space),
        purpose=Purpose(),
        path_for=lambda type: _path_for(edge, type),
    )
    async with received(request, actor, space, limits) as form:
        files = [staged for staged in form.files if staged.field == "file" and staged.client_name.strip()]
        if not files:
            raise FileMissing("file")
        uploads = await upload_once(request, order, files, form.fields)
    render = _wire(edge)
    return _answer([render.upload(upload) for upload in uploads])


async def list_events(request: Request, actor: Actor) -> Response:
    """Who did what with a file, newest first, behind a cursor."""
    edge, params = edge_of(request), request.query_params
    cursor, size = query.decode_cursor(params.get("offset")), query.page_size(params)
    find = access_log.in_space(actor, request.path_params["space_id"], request.path_params["attachment_id"])
    found = await access_log.file_log(edge.services, find, before=cursor.after or None, limit=size)
    visit_of(request).find(found.upload)
    following = query.Cursor(found.events[-1].number, cursor.seen + size).encode() if found.has_more else None
    shown = [wire.event(event) for event in found.events]
    return _answer({"events": shown, "hasMore": found.has_more, **({"offset": following} if following else {})})


def _path_for(edge: Edge, type: FileType) -> str:
    return f"openapi/{edge.services.ids.path_token()}.{type.extension}"


async def get_file(request: Request) -> Response:
    """A signed link. It needs no header, and opens one file with its named renditions, or one rendition of it."""
    await spend(request, "download", neighbourhood(request))
    path, recipe = _file_and_recipe(request.path_params["path"])
    params, edge = request.query_params, edge_of(request)
    visit_of(request).ask(path)
    now = edge.services.clock.now().timestamp()
    if not edge.links.is_valid(path, recipe, params.get("e", ""), params.get("s", ""), now):
        raise Missing("file", "the link is not valid, or no longer")
    asked = asked_recipe(params)
    if recipe and asked is not None:
        raise ChoiceRefused("size", params.get("size", params.get("crop", ""))[:50], ())
    signed = recipe_called(recipe)
    if recipe and signed is None:
        raise Missing("file", "there is no such rendition")
    return await serve(request, path, signed or asked, anyone, hiding_places(by_default=edge.hides_places))


def _file_and_recipe(path: str) -> tuple[str, str]:
    """``openapi/x.png/256`` names a variant, ``openapi/x.png`` the file itself."""
    file, slash, last = path.rpartition("/")
    return (file, last) if slash and "." in file and "." not in last else (path, "")
