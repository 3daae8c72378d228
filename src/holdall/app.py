"""The web application: every public face under its prefix."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from holdall.dialects.bika import openapi as bika_openapi
from holdall.dialects.bika import routes as bika_routes
from holdall.dialects.pika import openapi as pika_openapi
from holdall.dialects.pika import routes as pika_routes
from holdall.dialects.pika import wire as pika_wire
from holdall.web import docs
from holdall.web.dialect import json_response
from holdall.web.edge import Edge, edge_of
from holdall.web.links import SIGNED_PREFIX


def make_app(edge: Edge) -> Starlette:
    """The ASGI application over these services."""
    app = Starlette(
        routes=[
            Route("/healthz", healthz, methods=["GET"]),
            *docs.routes({bika_routes.PREFIX: bika_openapi.describe, pika_routes.PREFIX: pika_openapi.describe}),
            Mount(bika_routes.PREFIX, bika_routes.bika()),
            Mount(pika_routes.PREFIX, pika_routes.pika()),
            Mount(pika_wire.FILES_PREFIX.rstrip("/"), pika_routes.files()),
            Mount(SIGNED_PREFIX.rstrip("/"), bika_routes.files()),
        ],
        exception_handlers={HTTPException: refuse},
    )
    app.router.redirect_slashes = False  # a redirect would lead to wherever the Host header points
    app.state.edge = edge
    return app


async def healthz(request: Request) -> Response:
    """Whether requests are answered: the database is asked one question."""
    await edge_of(request).services.work.read(lambda _ledger: None)
    return json_response({"status": "ok"})


async def refuse(_request: Request, fault: Exception) -> Response:
    """A path or method of no face at all: JSON here as everywhere."""
    assert isinstance(fault, HTTPException)  # noqa: S101  for the type checker
    return json_response({"message": fault.detail}, fault.status_code)
