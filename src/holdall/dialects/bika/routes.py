"""Bika's endpoints (contract bika, section 3): take the request in, tell a story, speak the answer."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from holdall import __version__
from holdall.dialects.bika import (
    absent,
    attachments,
    cells,
    errors,
    listing,
    members,
    query,
    shaping_views,
    structure,
    webhooks,
    wire,
    writing,
)
from holdall.dialects.bika.asking import answer, place_of, told_to
from holdall.dialects.bika.policy import attachment_policy
from holdall.domain.access import Actor, Scope, Space, TokenKind
from holdall.domain.access_log import Action
from holdall.domain.files import FileType, Purpose
from holdall.domain.variants import recipe_called
from holdall.errors import ChoiceRefused, FileMissing, Missing, Unauthenticated
from holdall.flows import access_log, records, views
from holdall.flows.access import Look, authenticate, entering, holding
from holdall.flows.serve import anyone, hiding_places
from holdall.flows.upload import UploadRequest
from holdall.ports import Ledger
from holdall.web.budgets import neighbourhood, spend
from holdall.web.dialect import Dialect, json_response, route
from holdall.web.edge import Edge, edge_of
from holdall.web.receive import BodyLimits
from holdall.web.serving import serve
from holdall.web.sizes import asked_recipe
from holdall.web.uploading import received, upload_once
from holdall.web.visit import visit_of

T = TypeVar("T")

PREFIX = "/api/openapi/bika"
MAX_FILES = 20
"""In one upload call; Bika's clients send one."""

Handler = Callable[[Request, Actor], Awaitable[Response]]


def bika() -> Dialect:
    """The application below ``PREFIX``."""
    space = "/v1/spaces/{space_id}"
    v1 = space + "/resources/databases/{database_id}"
    v2 = v1.replace("/v1/", "/v2/", 1)
    file = space + "/attachments/{attachment_id}"
    cell = v1 + "/records/{record_id}/fields/{field}/attachments"
    hooks = space + "/outgoing-webhooks"
    hook = hooks + "/{webhook_id}"
    view, change = Action.VIEW, Action.CHANGE
    routes = [
        _route("GET", "/v1/system/meta", system_meta, view),
        _route("GET", "/v1/user/profile", user_profile, view),
        _route("GET", "/v1/spaces", list_spaces, view),
        _route("GET", space, get_space, view),
        _route("GET", space + "/nodes", list_nodes, view),
        _route("GET", space + "/nodes/{node_id}", get_node, view),
        _route("POST", space + "/nodes", structure.create_node, change),
        _route("PATCH", space + "/nodes/{node_id}", structure.change_node, change),
        _route("DELETE", space + "/nodes/{node_id}", structure.delete_node, change),
        _route("POST", space + "/nodes/{node_id}/restore", structure.restore_node, change),
        _route("GET", space + "/members", members.list_members, view),
        _route("POST", space + "/members", members.add_member, change),
        _route("PATCH", space + "/members/{member_id}", members.change_member, change),
        _route("DELETE", space + "/members/{member_id}", members.remove_member, change),
        _route("GET", space + "/roles", members.list_roles, view),
        _route("GET", space + "/resources/automation/{node_id}/triggers", absent.list_triggers, view),
        _route("GET", "/v1/automations/{node_id}/triggers", absent.list_triggers, view),
        _route("GET", space + "/embed-links", absent.list_embed_links, view),
        route("POST", space + "/attachments", create_attachment, Action.UPLOAD),
        _route("GET", space + "/attachments", attachments.list_attachments, view),
        _route("GET", file, attachments.get_attachment, view),
        _route("PATCH", file, attachments.rename_attachment, change),
        _route("DELETE", file, attachments.delete_attachment, Action.DELETE),
        _route("POST", file + "/restore", attachments.restore_attachment, Action.RESTORE),
        _route("GET", file + "/content", attachments.get_content, view),
        _route("GET", file + "/download", attachments.download, Action.READ),
        _route("GET", file + "/log", list_events, Action.LOG),
        _route("GET", hooks, webhooks.list_webhooks, view),
        _route("POST", hooks, webhooks.create_webhook, change),
        _route("GET", hook, webhooks.get_webhook, view),
        _route("PATCH", hook, webhooks.update_webhook, change),
        _route("DELETE", hook, webhooks.delete_webhook, change),
        _route("GET", hook + "/deliveries", webhooks.list_deliveries, view),
        _route("POST", hook + "/deliveries/{delivery_id}/replay", webhooks.replay_delivery, change),
        _route("GET", v1, get_database, view),
        _route("GET", v1 + "/fields", list_fields, view),
        _route("POST", v1 + "/fields", structure.create_field, change),
        _route("PATCH", v1 + "/fields/{field_id}", structure.change_field, change),
        _route("DELETE", v1 + "/fields/{field_id}", structure.delete_field, change),
        _route("GET", v1 + "/views", list_views, view),
        _route("GET", v1 + "/views/{view_id}", get_view, view),
        _route("POST", v1 + "/views", shaping_views.create_view, change),
        _route("PATCH", v1 + "/views/{view_id}", shaping_views.change_view, change),
        _route("DELETE", v1 + "/views/{view_id}", shaping_views.delete_view, change),
        _route("GET", v1 + "/records", listing.list_records_v1, view),
        _route("POST", v1 + "/records", writing.create_record_v1, change),
        _route("PATCH", v1 + "/records", writing.update_record_v1, change),
        _route("GET", v1 + "/records/{record_id}", writing.get_record_v1, view),
        _route("PATCH", v1 + "/records/{record_id}", writing.update_record_v1, change),
        _route("PUT", v1 + "/records/{record_id}", writing.update_record_v1, change),
        _route("DELETE", v1 + "/records/{record_id}", writing.delete_record_v1, change),
        _route("GET", v1 + "/records/{record_id}/history", writing.list_history, view),
        _route("GET", cell, cells.list_cell, view),
        _route("PATCH", cell, cells.edit, change),
        route("POST", cell, attach_files, Action.UPLOAD),
        _route("GET", v2 + "/records", listing.list_records_v2, view),
        _route("POST", v2 + "/records", writing.create_records_v2, change),
        _route("PUT", v2 + "/records", writing.update_records_v2, change),
        _route("PATCH", v2 + "/records", writing.update_records_v2, change),
        _route("DELETE", v2 + "/records", writing.delete_records_v2, change),
        _route("GET", v2 + "/records/{record_id}", writing.get_record_v2, view),
        _route("PUT", v2 + "/records/{record_id}", writing.update_record_v2, change),
        _route("DELETE", v2 + "/records/{record_id}", writing.delete_record_v2, change),
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


# ── system, user, spaces, nodes (4.1) ────────────────────────────────────────────────────────────────────────────


async def system_meta(request: Request, _actor: Actor) -> Response:
    """What runs here, and the request's headers."""
    return answer(wire.meta(__version__, edge_of(request).links.site_url, request.headers))


async def user_profile(_request: Request, actor: Actor) -> Response:
    """The caller, bare."""
    return json_response(wire.profile(actor))


async def list_spaces(request: Request, actor: Actor) -> Response:
    """The caller's spaces."""
    memberships = await records.list_spaces(edge_of(request).services, actor)
    return answer([wire.space(membership) for membership in memberships])


async def get_space(request: Request, actor: Actor) -> Response:
    """One space."""
    membership = await records.find_space(edge_of(request).services, actor, request.path_params["space_id"])
    return answer(wire.space(membership))


async def list_nodes(request: Request, actor: Actor) -> Response:
    """The space's tree, flat."""
    tree = await records.list_nodes(edge_of(request).services, actor, request.path_params["space_id"])
    return answer(wire.nodes(tree))


async def get_node(request: Request, actor: Actor) -> Response:
    """One node, with those directly below it."""
    tree = await records.list_nodes(edge_of(request).services, actor, request.path_params["space_id"])
    node_id = request.path_params["node_id"]
    shown = wire.nodes(tree)
    node = next((node for node in shown if node["id"] == node_id), None)
    if node is None:
        raise Missing("node", node_id)
    return answer({**node, "children": [each for each in shown if each["parentId"] == node_id]})


# ── database metadata (4.2) ──────────────────────────────────────────────────────────────────────────────────────


async def get_database(request: Request, actor: Actor) -> Response:
    """One database with its fields and views."""
    viewed = await views.list_views(edge_of(request).services, actor, place_of(request))
    return answer(wire.database(viewed.database, request.path_params["space_id"], viewed.views))


async def list_fields(request: Request, actor: Actor) -> Response:
    """The database's fields."""
    database = await records.find_database(edge_of(request).services, actor, place_of(request))
    return answer([wire.field(field, database.fields) for field in database.fields])


async def list_views(request: Request, actor: Actor) -> Response:
    """The database's views."""
    viewed = await views.list_views(edge_of(request).services, actor, place_of(request))
    return answer([wire.view(view, viewed.database.fields) for view in viewed.views])


async def get_view(request: Request, actor: Actor) -> Response:
    """One view."""
    view_id = request.path_params["view_id"]
    viewed = await views.find_view(edge_of(request).services, actor, place_of(request), view_id)
    return answer(wire.view(viewed.views[0], viewed.database.fields))


# ── attachments (4.5) ────────────────────────────────────────────────────────────────────────────────────────────


async def create_attachment(request: Request) -> Response:
    """Files into the space, to be named in attachment cells later."""
    edge = edge_of(request)
    entered = entering(request.path_params["space_id"], Scope.WRITE)
    actor, space = await _caller(request, entered)
    order = _order(edge, actor, space)
    async with received(request, actor, space, _limits(edge)) as form:
        files = [staged for staged in form.files if staged.field == "file" and staged.client_name.strip()]
        if not files:
            raise FileMissing("file")
        uploads = await upload_once(request, order, files, form.fields)
    render = told_to(request)
    return answer([render.upload(upload) for upload in uploads])


async def attach_files(request: Request) -> Response:
    """Files into the space and into a cell at once. Whether there is such a cell is asked before the body is read."""
    edge = edge_of(request)
    actor, target = await _caller(request, cells.target_of(request))
    return await cells.attach_files(request, _order(edge, actor, target.space), target, _limits(edge))


def _order(edge: Edge, actor: Actor, space: Space) -> UploadRequest:
    return UploadRequest(
        actor=actor,
        space=space,
        policy=edge.policy("bika", attachment_policy(edge.max_upload_bytes), space),
        purpose=Purpose(),
        path_for=lambda type: _path_for(edge, type),
    )


def _limits(edge: Edge) -> BodyLimits:
    return edge.pace.sized(edge.max_upload_bytes, max_files=MAX_FILES)


async def list_events(request: Request, actor: Actor) -> Response:
    """Who did what with a file, newest first, behind a cursor."""
    edge, params = edge_of(request), request.query_params
    cursor, size = query.decode_cursor(params.get("offset")), query.page_size(params)
    find = access_log.in_space(actor, request.path_params["space_id"], request.path_params["attachment_id"])
    found = await access_log.file_log(edge.services, find, before=cursor.after or None, limit=size)
    visit_of(request).find(found.upload)
    following = query.Cursor(found.events[-1].number, cursor.seen + size).encode() if found.has_more else None
    shown = [wire.event(event) for event in found.events]
    return answer({"events": shown, "hasMore": found.has_more, **({"offset": following} if following else {})})


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
