"""Pika's categories (contract pika, section 7)."""

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.pika import labels, reading
from holdall.dialects.pika.asking import caller, parameters, path_number
from holdall.domain.access import Scope
from holdall.domain.bookkeeping.entries import Category, Direction, Look
from holdall.errors import BookRefused
from holdall.flows.access import holding
from holdall.flows.labels import (
    Family,
    add_category,
    change_category,
    find_category,
    list_categories,
    remove_category,
)
from holdall.web.dialect import json_response
from holdall.web.edge import edge_of

_NOT_THEIRS = "rest_forbidden"
_BLANK = Category(0, "", "", Look("", "", ""), Direction.EXPENSE, None, is_system=False)


async def list_all(request: Request) -> Response:
    """Parents with their children: everybody's first, then the caller's own, each by name."""
    actor, _ = await caller(request, holding(Scope.READ))
    found = await list_categories(edge_of(request).services, actor)
    return json_response([_shown(family) for family in found])


async def get_category(request: Request) -> Response:
    """One of everybody's, or of the caller's own."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.READ))
    return json_response(_shown(await find_category(edge_of(request).services, actor, number)))


async def create_category(request: Request) -> Response:
    """A new one; without ``parentId`` a parent."""
    actor, _ = await caller(request, holding(Scope.WRITE))
    given = await parameters(request)
    return json_response(_shown(await add_category(edge_of(request).services, actor, lambda: _read(given, _BLANK))))


async def update_category(request: Request) -> Response:
    """One of the caller's own as it is to be from now on; what is not named stays."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.WRITE))
    given = await parameters(request)
    with labels.hidden_as(_NOT_THEIRS):
        changed = await change_category(edge_of(request).services, actor, number, lambda it: _changed(given, it))
    return json_response(_shown(changed))


async def delete_category(request: Request) -> Response:
    """One of the caller's own that has no children, and that no transaction is filed under."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.WRITE))
    with labels.hidden_as(_NOT_THEIRS):
        await remove_category(edge_of(request).services, actor, number)
    return json_response({"message": "Category deleted successfully"})


def _shown(family: Family) -> dict[str, Any]:
    return labels.category(family.category, family.children)


def _changed(given: reading.Given, category: Category) -> Category:
    present = {**labels.as_sent(category), "type": category.type.value, "parentId": category.parent}
    return _read(reading.change(given, present), category)


def _read(given: reading.Given, category: Category) -> Category:
    parent = given.get("parentId")
    return replace(
        category,
        name=reading.name(given.get("name"), "invalid_category_name"),
        look=labels.look(given),
        type=_direction(given.get("type")),
        description=reading.text(given, "description"),
        parent=None if parent is None or parent == "" else reading.number(parent),
    )


def _direction(value: Any) -> Direction:
    try:
        return Direction(value)
    except ValueError as error:
        raise BookRefused("invalid_type") from error
