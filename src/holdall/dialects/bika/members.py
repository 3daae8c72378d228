"""Bika's members and roles: an extension, in the same envelope (docs/reference/bika.md)."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.bika import wire
from holdall.dialects.bika.asking import answer
from holdall.domain.access import Actor, Role
from holdall.errors import ChoiceRefused, Malformed
from holdall.flows import membership
from holdall.flows.records import find_space
from holdall.web.body import read_json
from holdall.web.edge import edge_of


async def list_members(request: Request, actor: Actor) -> Response:
    """Who belongs to the space."""
    members = await membership.members_of(edge_of(request).services, actor, request.path_params["space_id"])
    return answer([wire.member(member) for member in members])


async def list_roles(request: Request, actor: Actor) -> Response:
    """What a member can be: the same in every space."""
    await find_space(edge_of(request).services, actor, request.path_params["space_id"])
    return answer([wire.role(role) for role in Role])


async def add_member(request: Request, actor: Actor) -> Response:
    """A user more, an editor unless said otherwise."""
    body = await read_json(request, edge_of(request).pace)
    login = body.get("login")
    if not isinstance(login, str) or not login:
        raise Malformed("json", "login, the name that the new member signs in with, is missing")
    role = Role.EDITOR if body.get("role") is None else _role(body)
    services, space_id = edge_of(request).services, request.path_params["space_id"]
    return answer(wire.member(await membership.admit(services, actor, space_id, login, role)))


async def change_member(request: Request, actor: Actor) -> Response:
    """Another role."""
    role = _role(await read_json(request, edge_of(request).pace))
    services, (space_id, member_id) = edge_of(request).services, _place(request)
    return answer(wire.member(await membership.change_role(services, actor, space_id, member_id, role)))


async def remove_member(request: Request, actor: Actor) -> Response:
    """A member less."""
    space_id, member_id = _place(request)
    await membership.dismiss(edge_of(request).services, actor, space_id, member_id)
    return answer({"id": member_id, "deleted": True})


def _place(request: Request) -> tuple[str, str]:
    return request.path_params["space_id"], request.path_params["member_id"]


def _role(body: Mapping[str, Any]) -> Role:
    given = body.get("role")
    role = next((role for role in Role if role.value == given), None)
    if role is None:
        raise ChoiceRefused("role", str(given)[:50], tuple(role.value for role in Role))
    return role
