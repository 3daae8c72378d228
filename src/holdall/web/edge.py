"""What every public face shares: the services, the links, the pace of bodies."""

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from holdall.flows.access_log import AccessRecorder
from holdall.ports import Services
from holdall.web.links import Links
from holdall.web.receive import BodyLimits


@dataclass(frozen=True, slots=True)
class Edge:
    """Made once, by ``bootstrap``; reached from a request with ``edge_of``."""

    services: Services
    links: Links
    pace: BodyLimits
    max_upload_bytes: int
    """The ceiling of a door that has none of its own."""
    access_log: AccessRecorder


def edge_of(request: Request) -> Edge:
    """The edge that this request came in by."""
    return cast("Edge", request.scope["app"].edge)


def address_of(request: Request) -> str:
    """The address that the connection came from; ``""`` where there is none."""
    return request.client.host if request.client else ""
