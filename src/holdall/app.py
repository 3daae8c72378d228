"""The web application: every public face under its prefix."""

import math
import re
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.types import Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from holdall.dialects.bika import openapi as bika_openapi
from holdall.dialects.bika import routes as bika_routes
from holdall.dialects.bika.telling import Teller
from holdall.dialects.pika import consent
from holdall.dialects.pika import openapi as pika_openapi
from holdall.dialects.pika import routes as pika_routes
from holdall.dialects.pika import wire as pika_wire
from holdall.errors import HoldallError, Missing, RateLimited
from holdall.flows.courier import TellOf
from holdall.ports import Answered, Clock, Traffic
from holdall.web import docs, frontend
from holdall.web.dialect import Dialect, json_response, route
from holdall.web.edge import Edge, address_of, edge_of
from holdall.web.links import SIGNED_PREFIX, Links
from holdall.web.visit import Visit, begin
from holdall.web.watching import lights_response

log = structlog.get_logger()


Answer = Callable[[Visit, Scope, Receive, Send], Awaitable[None]]
"""Answers a request, whatever it takes."""


class Site:
    """The ASGI application: every face over the same edge.

    A router, and none of Starlette's middlewares: each dialect answers for its own faults. Whatever is answered, and
    by whom, passes through here once: so here is where the access log is told.
    """

    def __init__(self, edge: Edge, routes: Sequence[BaseRoute]) -> None:
        self.edge = edge
        self._outer = Dialect("site", routes, refuse)
        self._answer = self._answer_plainly if edge.traffic is None else self._metered(edge.traffic)

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The outermost routes."""
        return self._outer.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope["app"] = self
        if self.edge.handover and self.edge.proxies.called(scope):
            scope, send = self.edge.handover.offer(scope), self.edge.handover.taking(send)
        scope = self.edge.proxies.see_through(scope)
        visit = begin(scope, self.edge.services.ids.hex_token())
        bind_contextvars(request_id=visit.id)  # each request has a context of its own, and all that it starts has it
        try:
            await self._answer(visit, scope, receive, send)
        finally:
            self._note(visit, scope)

    async def _answer_plainly(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        await self.edge.origins.answer(scope, receive, visit.watching(send), self._outer)

    def _metered(self, traffic: Traffic) -> Answer:
        """Answer, and tell the meter of it."""

        async def answer(visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
            received = 0

            async def counted() -> Message:
                nonlocal received
                message = await receive()
                received += len(message.get("body", b""))
                return message

            began = perf_counter()
            traffic.arrive()
            try:
                await self._answer_plainly(visit, scope, counted, send)
            finally:
                traffic.leave(_in_figures(visit, scope, perf_counter() - began, received))

        return answer

    def _note(self, visit: Visit, scope: Scope) -> None:
        """Tell the access log. Should that go wrong, the request has gone well all the same."""
        try:
            address, now = address_of(Request(scope)), self.edge.services.clock.now()
            self.edge.access_log.note(visit.events(scope, address, now))
        except Exception:
            log.exception("no event", request_id=visit.id)


def make_app(edge: Edge) -> Site:
    """The application over these services."""
    return Site(
        edge,
        [
            *docs.routes({bika_routes.PREFIX: bika_openapi.describe, pika_routes.PREFIX: pika_openapi.describe}),
            _face(bika_routes.PREFIX, bika_routes.bika()),
            _face(pika_routes.PREFIX, pika_routes.pika()),
            _face(pika_wire.FILES_PREFIX.rstrip("/"), pika_routes.files()),
            _face(SIGNED_PREFIX.rstrip("/"), bika_routes.files()),
            *frontend.routes(),
            _face(consent.PREFIX, consent.consent()),
            route("GET", "/healthz", healthz, None),
            route("GET", "/readyz", readyz, None),
        ],
    )


def _face(prefix: str, dialect: Dialect) -> Mount:
    """Everything below the prefix, whatever is in it: Starlette's pattern ends at a line feed (``%0A``)."""
    mount = Mount(prefix, dialect)
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return mount


def teller(links: Links, clock: Clock) -> TellOf:
    """The words in which webhooks are told."""
    return Teller(links, clock).tell


async def healthz(_request: Request) -> Response:
    """Whether requests are answered at all. Nothing else is asked: a restart would not bring a database back."""
    return json_response({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Whether requests are to be sent here: what every part of the installation was like within the last second."""
    return lights_response(await edge_of(request).readiness.look())


def _in_figures(visit: Visit, scope: Scope, seconds: float, received: int) -> Answered:
    return Answered(
        dialect=visit.door,
        method=scope["method"],
        route=visit.route.partition(" ")[2],
        status=visit.status,
        seconds=seconds,
        received=received,
        sent=0 if scope["method"] == "HEAD" else visit.sent,
        refusals=visit.refusals(),
    )


def refuse(error: HoldallError, _request: Request) -> Response:
    """A path or method of no face at all: JSON here as everywhere."""
    if isinstance(error, Missing):
        return json_response({"message": "Not Found"}, 404)
    if isinstance(error, RateLimited):
        wait = str(max(1, math.ceil(error.retry_after_seconds)))
        return json_response({"message": "Too many requests"}, 429, {"Retry-After": wait})
    return json_response({"message": "The server could not do this now; try again later"}, 503)
