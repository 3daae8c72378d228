"""Where a dialect meets the world: its routes, and one renderer for everything that goes wrong in them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import Receive, Scope, Send

from holdall.domain.access_log import Action
from holdall.errors import HeadersTooLarge, HoldallError, Missing, Unavailable
from holdall.web import budgets
from holdall.web.visit import visit_in

log = structlog.get_logger()


HEADER_BYTES = 64 << 10
"""Of one request's header lines and address together. The HTTP server reads more than that, so that whoever sends a
megabyte is answered in the dialect (``server.HEAD_BYTES``)."""

Handler = Callable[[Request], Awaitable[Response]]
"""Takes a request, tells a story, speaks the answer."""
Render = Callable[[HoldallError, Request], Response]
"""Turns an error into the dialect's own answer; every class of the tree has one."""


class Unforeseen(Unavailable):
    """A fault that nobody foresaw. Logged with its traceback; the client learns only that it was ours."""


class Stopping(Unavailable):
    """We were asked to stop, and the request outlasted the time that those in hand are given."""


class Dialect:
    """An ASGI application that speaks one wire: routes, and answers in that wire whatever happens."""

    def __init__(self, name: str, routes: Sequence[BaseRoute], render: Render) -> None:
        self._name = name
        self._router = Router(routes, redirect_slashes=False, default=_no_route)
        self._render = render

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """What it answers."""
        return self._router.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and see to it that its visit knows what came of it."""
        visit = visit_in(scope)
        visit.door = self._name
        budgets.begin(scope)
        try:
            await self._router(_without_trailing_slash(scope), receive, send)
        except ClientDisconnect as departure:
            visit.fail(departure)
        except (Exception, asyncio.CancelledError) as fault:  # the last resort: the client gets its dialect's JSON
            visit.fail(fault)
            if visit.has_begun:
                raise
            await self._refuse(fault, scope, receive, send)

    async def _refuse(self, fault: BaseException, scope: Scope, receive: Receive, send: Send) -> None:
        request, visit = Request(scope, receive), visit_in(scope)
        error = _in_our_words(fault, request)
        visit.fail(error)
        if isinstance(error, Unavailable):
            log.error(
                "unavailable",
                dialect=self._name,
                path=request.url.path,
                request_id=visit.id,
                error=str(error),
                exc_info=fault,
            )
        response = self._render(error, request)
        budgets.tell(response, scope, error)
        await response(scope, receive, send)


def _check_path(scope: Scope) -> None:
    """Nothing is called by a name with a NUL in it, and PostgreSQL cannot even be asked for one.

    Raises:
        Missing: there is such a name in the path.

    """
    if "\0" in scope["path"]:
        raise Missing("route", f"{scope['method']} {scope['path']}")


class _Endpoint:
    """A handler as an ASGI application, without Starlette's own catching of errors: a dialect does that."""

    def __init__(self, handler: Handler, route: str, action: Action | None) -> None:
        self._handler = handler
        self._route = route
        self.action = action

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit_in(scope).arrive(scope, self._route, self.action)
        _check_path(scope)
        _check_headers(scope)
        response = await self._handler(Request(scope, receive, send))
        budgets.tell(response, scope)
        await response(scope, receive, send)


def route(method: str, path: str, handler: Handler, action: Action | None) -> Route:
    """A route of one method (and, for GET, HEAD); the access log calls it ``action``, or ignores it."""
    return Route(path, _Endpoint(handler, f"{method} {path}", action), methods=[method])


def _check_headers(scope: Scope) -> None:
    size = len(scope["raw_path"]) + len(scope["query_string"])
    for name, value in scope["headers"]:
        size += len(name) + len(value)
    if size > HEADER_BYTES:
        raise HeadersTooLarge(HEADER_BYTES)


def _in_our_words(fault: BaseException, request: Request) -> HoldallError:
    if isinstance(fault, HoldallError):
        return fault
    if isinstance(fault, asyncio.CancelledError):
        return Stopping()
    if isinstance(fault, HTTPException):  # the router's own: no such method on this path
        return Missing("route", f"{request.method} {request.url.path}")
    return Unforeseen(str(fault))


async def _no_route(scope: Scope, _receive: Receive, _send: Send) -> None:
    raise Missing("route", f"{scope['method']} {scope['path']}")


def _without_trailing_slash(scope: Scope) -> Scope:
    path = scope["path"]
    return {**scope, "path": path.rstrip("/")} if path.endswith("/") and len(path) > 1 else scope


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON that no cache keeps for others."""
    return Response(
        msgspec.json.encode(value),
        status,
        {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})},
        media_type="application/json",
    )
