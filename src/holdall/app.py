"""The web application: every public face under its prefix."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from holdall.dialects.bika import openapi as bika_openapi
from holdall.dialects.bika import routes as bika_routes
from holdall.dialects.pika import openapi as pika_openapi
from holdall.dialects.pika import routes as pika_routes
from holdall.dialects.pika import wire as pika_wire
from holdall.errors import HoldallError, Missing
from holdall.web import docs
from holdall.web.dialect import Dialect, json_response, route
from holdall.web.edge import Edge, edge_of
from holdall.web.links import SIGNED_PREFIX


class Site:
    """The ASGI application: every face over the same edge.

    A router, and none of Starlette's middlewares: each dialect answers for its own faults.
    """

    def __init__(self, edge: Edge, routes: Sequence[BaseRoute]) -> None:
        self.edge = edge
        self._outer = Dialect("site", routes, refuse)

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The outermost routes."""
        return self._outer.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope["app"] = self
        await self.edge.origins.answer(self.edge.proxies.see_through(scope), receive, send, self._outer)


def make_app(edge: Edge) -> Site:
    """The application over these services."""
    return Site(
        edge,
        [
            *docs.routes({bika_routes.PREFIX: bika_openapi.describe, pika_routes.PREFIX: pika_openapi.describe}),
            Mount(bika_routes.PREFIX, bika_routes.bika()),
            Mount(pika_routes.PREFIX, pika_routes.pika()),
            Mount(pika_wire.FILES_PREFIX.rstrip("/"), pika_routes.files()),
            Mount(SIGNED_PREFIX.rstrip("/"), bika_routes.files()),
            route("GET", "/healthz", healthz),
        ],
    )


async def healthz(request: Request) -> Response:
    """Whether requests are answered: the database is asked one question."""
    await edge_of(request).services.work.read(lambda _ledger: None)
    return json_response({"status": "ok"})


def refuse(error: HoldallError, _request: Request) -> Response:
    """A path or method of no face at all: JSON here as everywhere."""
    if isinstance(error, Missing):
        return json_response({"message": "Not Found"}, 404)
    return json_response({"message": "The server could not do this now; try again later"}, 503)
