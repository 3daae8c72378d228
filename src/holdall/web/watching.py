"""What operators see, on an address of its own: metrics, and which part is missing with its cause.

It is apart from the address that clients reach, so that no proxy in front passes it on by mistake, and it listens on
the loopback address unless told otherwise. The public ``/readyz`` tells the same lights, without causes.
"""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from holdall.domain.readiness import Light, is_ready
from holdall.flows.readiness import Readiness
from holdall.ports import Traffic
from holdall.web.dialect import json_response

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


def watching(readiness: Readiness, traffic: Traffic) -> Router:
    """The ASGI application of that address."""

    async def metrics(_request: Request) -> Response:
        body = await traffic.expose(await readiness.look())
        return Response(body, headers={"Content-Type": EXPOSITION, "Cache-Control": "no-store"})

    async def readyz(_request: Request) -> Response:
        return lights_response(await readiness.look(), with_details=True)

    return Router(
        [Route("/metrics", metrics), Route("/readyz", readyz)],
        redirect_slashes=False,
    )


def lights_response(lights: Sequence[Light], *, with_details: bool = False) -> Response:
    """200 where requests may be sent here, else 503; what is missing, why, and what to do about it."""
    is_good = is_ready(lights)
    told = {
        "status": "ready" if is_good else "not ready",
        "parts": {light.part.value: _told(light, with_details=with_details) for light in lights},
    }
    return json_response(told, 200 if is_good else 503)


def _told(light: Light, *, with_details: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"state": light.state.value}
    if light.is_green:
        return told
    told |= {"isNeeded": light.is_needed, "why": light.words.why, "remedy": light.words.remedy}
    return told | {"detail": light.detail} if with_details and light.detail else told
