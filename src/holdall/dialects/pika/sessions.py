"""Where a user is signed in, and an end to it (contract pika, section 2.3)."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.pika.asking import caller, parameters, text
from holdall.dialects.pika.errors import said
from holdall.domain.access import Scope, Token
from holdall.domain.devices import Device, parse_agent
from holdall.flows.access import holding
from holdall.flows.session import devices, revoke_device, session_number
from holdall.web.dialect import json_response
from holdall.web.edge import edge_of

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


async def list_sessions(request: Request) -> Response:
    """Every device secret that the caller can still be signed in by."""
    actor, _ = await caller(request, holding(Scope.READ))
    edge = edge_of(request)
    found = await devices(edge.services, actor)
    return json_response([session(token, edge.app_id, is_current=token.id == actor.token_id) for token in found])


async def revoke_session(request: Request) -> Response:
    """An end to one of them, the caller's own included."""
    actor, _ = await caller(request, holding(Scope.WRITE))
    given = text(await parameters(request), "uuid").strip()
    if not _UUID.fullmatch(given):
        return said(400, "invalid_uuid", "Invalid UUID")
    await revoke_device(edge_of(request).services, actor, UUID(given))
    return json_response({"message": "Session revoked successfully"})


def session(token: Token, app_id: str, *, is_current: bool) -> dict[str, Any]:
    """A device secret as its owner is told of it. ``app_id`` is ours: they all open this door, and no other."""
    return {
        "uuid": str(session_number(token)),
        "app_id": app_id,
        "name": token.name,
        "created": _iso(token.created_at),
        "last_used": None if token.last_used_at is None else _iso(token.last_used_at),
        "last_ip": None if token.last_used_at is None else token.last_seen.address,
        "is_currently_using": is_current,
        "device_info": _device(parse_agent(token.last_seen.agent)),
    }


def _device(device: Device) -> dict[str, str | None]:
    return {name: getattr(device, name) for name in Device.__slots__}


def _iso(time: datetime) -> str:
    """``2026-03-01T08:00:00Z``."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
