"""Pika's endpoints: sign-in, uploads, files (contract pika, sections 2 and 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from holdall.dialects.pika import (
    accounts,
    analytics,
    app_info,
    book_lists,
    categories,
    cookie,
    errors,
    people,
    push,
    sessions,
    settings,
    tags,
    taking,
    transactions,
    uploads,
    wire,
)
from holdall.dialects.pika.asking import (
    DEFAULT_PAGE,
    MAX_NUMBER,
    MAX_PAGE,
    caller,
    choose,
    counted,
    parameters,
    path_number,
    sight_of,
    text,
)
from holdall.dialects.pika.policy import DOORS, POLICIES
from holdall.dialects.pika.rest import RestDialect
from holdall.domain.access import Scope
from holdall.domain.access_log import Action
from holdall.domain.files import FileType, Purpose, Staged
from holdall.domain.preferences import AS_THE_HOUSE_HAS_IT
from holdall.errors import Denied, FileMissing, Missing, Unauthenticated
from holdall.flows import access_log
from holdall.flows.access import at_home, holding, nothing
from holdall.flows.preferences import preferences_of, with_preferences
from holdall.flows.serve import owner
from holdall.flows.session import sign_in, sign_out
from holdall.flows.upload import UploadRequest
from holdall.web.budgets import neighbourhood
from holdall.web.dialect import Dialect, Handler, json_response, route
from holdall.web.edge import Edge, edge_of
from holdall.web.serving import serve
from holdall.web.sizes import asked_recipe
from holdall.web.uploading import received, upload_once
from holdall.web.visit import visit_of

T = TypeVar("T")

PREFIX = wire.PREFIX
MAX_FILES = 8
"""File parts read in one form; of several called ``file`` the last counts, as clients of PHP expect."""


def pika() -> Dialect:
    """The application below ``PREFIX``."""
    return RestDialect(
        "pika",
        [
            _route("POST", "/auth/login", login, Action.SIGN_IN),
            _route("POST", "/auth/logout", logout, Action.SIGN_OUT),
            _route("GET", "/auth/me", me, Action.VIEW),
            _route("GET", "/auth/sessions", sessions.list_sessions, Action.VIEW),
            _route("POST", "/auth/sessions/revoke", sessions.revoke_session, Action.SIGN_OUT),
            _route("POST", "/upload/{door}", create_upload, Action.UPLOAD),
            _route("GET", "/upload", uploads.list_uploads, Action.VIEW),
            _route("GET", "/upload/{id}", uploads.get_upload, Action.VIEW),
            _route("GET", "/upload/{id}/link", uploads.get_link, Action.VIEW),
            _route("DELETE", "/upload/{id}", uploads.delete_upload, Action.DELETE),
            _route("POST", "/upload/{id}/restore", uploads.restore_upload, Action.RESTORE),
            _route("GET", "/upload/{id}/log", list_events, Action.LOG),
            *_resource(
                "/people",
                people.list_people,
                people.get_person,
                people.create_person,
                people.update_person,
                people.delete_person,
            ),
            *_resource(
                "/accounts",
                accounts.list_accounts,
                accounts.get_account,
                accounts.create_account,
                accounts.update_account,
                accounts.delete_account,
            ),
            *_resource(
                "/transactions",
                transactions.list_transactions,
                transactions.get_transaction,
                transactions.create_transaction,
                transactions.update_transaction,
                transactions.delete_transaction,
            ),
            *_resource(
                "/categories",
                categories.list_all,
                categories.get_category,
                categories.create_category,
                categories.update_category,
                categories.delete_category,
            ),
            *_resource("/tags", tags.list_all, tags.get_tag, tags.create_tag, tags.update_tag, tags.delete_tag),
            _route("GET", "/settings", settings.get_settings, Action.VIEW),
            _route("PUT", "/settings", settings.change_settings, Action.CHANGE),
            _route("GET", "/app/info", app_info.get_info, Action.VIEW),
            _route("GET", "/app/lists", book_lists.get_lists, Action.VIEW),
            *(_route(method, path, handler, action) for method, path, handler, action in analytics.ROUTES),
            *(_route(method, path, handler, action) for method, path, handler, action in push.ROUTES),
        ],
        errors.render,
    )


def files() -> Dialect:
    """The application that serves stored files at their documented path, to their owner."""
    return Dialect("pika-files", [_route("GET", "/{path:path}", get_file, Action.READ)], errors.render)


def _resource(
    path: str, everything: Handler, one: Handler, new: Handler, change: Handler, delete: Handler
) -> list[Route]:
    """The five calls of what a user has several of."""
    return [
        _route("GET", path, everything, Action.VIEW),
        _route("POST", path, new, Action.CHANGE),
        _route("GET", path + "/{id}", one, Action.VIEW),
        _route("PUT", path + "/{id}", change, Action.CHANGE),
        _route("DELETE", path + "/{id}", delete, Action.CHANGE),
    ]


def _route(method: str, path: str, handler: Handler, action: Action | None) -> Route:
    """A route that pages of other sites cannot use in a visitor's name: not even to sign them in or out."""

    async def endpoint(request: Request) -> Response:
        edge_of(request).origins.refuse_foreign(request)
        return await handler(request)

    return route(method, path, endpoint, action)


# ── sign-in (2.3) ────────────────────────────────────────────────────────────────────────────────────────────────


async def login(request: Request) -> Response:
    """Exchange a login and a device secret for the cookie. A stale cookie does not stand in the way."""
    given = await parameters(request)
    user_login, password = text(given, "user_login").strip(), text(given, "password")
    missing = [name for name in ("user_login", "password") if not text(given, name).strip()]
    if missing:
        return _failure(400, "missing_fields", f"Missing required fields: {', '.join(missing)}")
    secret, services = cookie.plain_secret(password), edge_of(request).services
    try:
        actor = await sign_in(services, user_login, secret, neighbourhood(request), sight_of(request))
    except Unauthenticated as refusal:
        visit_of(request).fail(refusal)
        return _failure(401, "invalid_credentials", "Invalid username or password")
    visit_of(request).actor = actor
    chosen = await preferences_of(edge_of(request).services, actor.user)
    response = json_response(wire.user(actor.user, chosen))
    cookie.set_on(response, secret)
    return response


async def logout(request: Request) -> Response:
    """Kill the device secret in use and take the cookie back; says yes to anybody."""
    try:
        actor, _ = await caller(request, nothing)
        await sign_out(edge_of(request).services, actor)
    except Denied:
        pass
    response = json_response({"message": "Logged out successfully"})
    cookie.clear(response)
    return response


async def me(request: Request) -> Response:
    """The signed-in user."""
    actor, (_, chosen) = await caller(request, with_preferences(holding(Scope.READ)))
    return json_response(wire.user(actor.user, chosen))


def _failure(status: int, code: str, message: str) -> Response:
    return json_response({"code": code, "message": message, "data": {"status": status}}, status)


# ── uploads (3) ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Order:
    """What the form asks for, each part checked in the documented order."""

    kind: str
    """One of ``domain.preferences.KINDS``."""
    purpose: Purpose
    file: Staged


async def create_upload(request: Request) -> Response:
    """One file, for a person, an account, a transaction or something else (order of checks: section 3.2)."""
    edge = edge_of(request)
    door = _door(request)
    actor, (space, chosen) = await caller(request, with_preferences(at_home(Scope.WRITE)))
    visit_of(request).space = space.number
    choose("type", door, DOORS)
    largest = taking.largest(edge, door, space, chosen.uploads)
    tolerance = taking.largest(edge, door, space, AS_THE_HOUSE_HAS_IT)
    limits = edge.pace.sized(largest, max_files=MAX_FILES, tolerance_bytes=tolerance)
    async with received(request, actor, space, limits) as form:
        order = _read_order(edge, door, {**request.query_params, **form.fields}, form.files)
        uploads = await upload_once(
            request,
            UploadRequest(
                actor=actor,
                space=space,
                policy=taking.taken(edge, order.kind, space, chosen.uploads),
                purpose=order.purpose,
                path_for=lambda type: _path_for(edge, order.purpose, type),
            ),
            [order.file],
            form.fields,
        )
    return json_response(wire.upload(uploads[0], edge.links.site_url))


def _door(request: Request) -> str:
    """The ``{type}`` of the path; only letters make it a route."""
    door: str = request.path_params["door"]
    if not (door.isascii() and door.isalpha()):
        raise Missing("route", request.url.path)
    return door.lower()


def _read_order(edge: Edge, door: str, fields: Mapping[str, str], files: Sequence[Staged]) -> _Order:
    """Checks 3 to 5 of the documented order; the later ones are the policy's."""
    kind = "image" if door == "avatar" else choose("attachmentType", fields.get("attachmentType"), tuple(POLICIES))
    entity = choose("entityType", fields.get("entityType"), taking.entities(edge, door))
    file = next((staged for staged in reversed(files) if staged.field == "file"), None)
    if file is None:
        raise FileMissing("file")
    return _Order("avatar" if door == "avatar" else kind, Purpose(door, kind, entity), file)


def _path_for(edge: Edge, purpose: Purpose, type: FileType) -> str:
    """``pika/avatars/person-<128 random bits>-<seconds>.jpg``: the documented shape with a token nobody guesses."""
    folder = "avatars" if purpose.door == "avatar" else "attachments"
    services = edge.services
    seconds = int(services.clock.now().timestamp())
    return f"pika/{folder}/{purpose.entity}-{services.ids.hex_token()}-{seconds}.{type.extension}"


async def list_events(request: Request) -> Response:
    """Who did what with a file, newest first; for the user who uploaded it."""
    number = path_number(request)
    actor, _ = await caller(request, nothing)
    limit = counted(request, "limit", MAX_PAGE) or DEFAULT_PAGE
    before = counted(request, "before", MAX_NUMBER)
    find = access_log.of_uploader(actor, number)
    found = await access_log.file_log(edge_of(request).services, find, before=before, limit=limit)
    visit_of(request).find(found.upload)
    return json_response(wire.file_log(found))


async def get_file(request: Request) -> Response:
    """A stored file or its rendition, for the user who uploaded it; to all others it does not exist."""
    visit_of(request).ask(request.path_params["path"])
    actor, _ = await caller(request, holding(Scope.READ))
    return await serve(request, request.path_params["path"], asked_recipe(request.query_params), owner(actor))
