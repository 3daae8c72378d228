"""Who asks at Pika's doors, and the parameters they ask with."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request

from holdall.dialects.pika import cookie
from holdall.domain.access import Actor, Sight
from holdall.errors import ChoiceRefused, Malformed, Missing
from holdall.flows.access import Look
from holdall.flows.session import recognise
from holdall.ports import Ledger
from holdall.web.body import decode_json, read_body
from holdall.web.budgets import neighbourhood, spend
from holdall.web.edge import address_of, edge_of
from holdall.web.visit import agent_in, visit_of

T = TypeVar("T")

DEFAULT_PAGE, MAX_PAGE = 50, 500
"""Of uploads, or of a file's log, in one answer."""
MAX_NUMBER = 10**18 - 1
"""Of what is a number within: every engine can tell it from one that is not there."""


async def caller(request: Request, look: Look[T]) -> tuple[Actor, T]:
    """Who calls, and what the door wants to know of them.

    Who says nothing of who they are is told first that their JSON is none (contract pika, section 1.2).
    """
    if not cookie.is_sent(request) and "json" in request.headers.get("content-type", ""):
        await parameters(request)
    credential, services, visit = cookie.read(request), edge_of(request).services, visit_of(request)

    def look_as(ledger: Ledger, actor: Actor) -> T:
        visit.actor = actor
        return look(ledger, actor)

    address, sight = neighbourhood(request), sight_of(request)
    actor, found = await recognise(services, credential.login, credential.secret, address, look_as, sight)
    await spend(request, "api", actor.key)
    return actor, found


def sight_of(request: Request) -> Sight:
    """From where, and with what, the request came."""
    return Sight(address_of(request) or None, agent_in(request.scope) or None)


async def parameters(request: Request) -> Mapping[str, Any]:
    """The merged parameters: a JSON or form body over the query string (contract pika, section 1)."""
    body = await read_body(request, edge_of(request).pace)
    if "urlencoded" in request.headers.get("content-type", ""):
        return {**request.query_params, **dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))}
    if not body.strip():
        return dict(request.query_params)
    value = decode_json(body)
    return {**request.query_params, **value} if isinstance(value, dict) else dict(request.query_params)


def text(given: Mapping[str, Any], name: str) -> str:
    """A parameter as text; anything that is no text counts as missing."""
    value = given.get(name)
    return value if isinstance(value, str) else ""


def choose(parameter: str, value: str | None, allowed: tuple[str, ...]) -> str:
    """One of the allowed words, in any letter case, blanks aside.

    Raises:
        ChoiceRefused: it is none of them.

    """
    chosen = (value or "").strip().lower()
    if chosen not in allowed:
        raise ChoiceRefused(parameter, chosen[:50], allowed)
    return chosen


def whole(text: str) -> int | None:
    """A whole number from 0, as Pika's ids are written; ``None`` for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_NUMBER)) else None


def path_number(request: Request) -> int:
    """The ``{id}`` of the path; only digits make it a route.

    Raises:
        Missing: it is something else.

    """
    number = whole(request.path_params["id"])
    if number is None:
        raise Missing("route", request.url.path)
    return number


def counted(request: Request, name: str, most: int) -> int | None:
    """A parameter of the query that counts from 1; ``None`` when it is not there."""
    text = request.query_params.get(name)
    number = None if text is None else whole(text)
    if text is not None and (number is None or not 1 <= number <= most):
        raise Malformed("query", f"{name} is {text[:50]!r}; it can be a whole number from 1 to {most}")
    return number
