"""The web application: every public face under its prefix."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from holdall.dialects.bika import routes as bika_routes
from holdall.dialects.pika import routes as pika_routes
from holdall.dialects.pika import wire as pika_wire
from holdall.web.dialect import json_response
from holdall.web.edge import Edge, edge_of
from holdall.web.links import SIGNED_PREFIX


def make_app(edge: Edge) -> Starlette:
    """The ASGI application over these services."""
    app = Starlette(
        routes=[
            Route("/healthz", healthz, methods=["GET"]),
            Mount(bika_routes.PREFIX, bika_routes.bika()),
            Mount(pika_routes.PREFIX, pika_routes.pika()),
            Mount(pika_wire.FILES_PREFIX.rstrip("/"), pika_routes.files()),
            Mount(SIGNED_PREFIX.rstrip("/"), bika_routes.files()),
        ]
    )
    app.state.edge = edge
    return app


async def healthz(request: Request) -> Response:
    """Whether requests are answered: the database is asked one question."""
    await edge_of(request).services.work.read(lambda _ledger: None)
    return json_response({"status": "ok"})
