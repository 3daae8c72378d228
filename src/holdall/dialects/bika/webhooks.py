"""Bika's outgoing webhooks (contract bika, section 7), in both spellings; all but three calls are an extension."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.bika import query
from holdall.dialects.bika.asking import answer
from holdall.dialects.bika.wire import iso
from holdall.domain.access import Actor
from holdall.domain.webhooks import Delivery, EventType, Try
from holdall.errors import ChoiceRefused, Malformed, Missing
from holdall.flows import webhooks
from holdall.flows.webhooks import Desk, Draft, Shown
from holdall.web.body import read_json
from holdall.web.edge import edge_of

MAX_NAME = 255
MAX_DESCRIPTION = 2000
_SHOWN = 50
_WORDS = {"name": MAX_NAME, "description": MAX_DESCRIPTION}


async def create_webhook(request: Request, actor: Actor) -> Response:
    """Have a URL told of what happens; a secret that was made here is in this answer, and in no other."""
    body = await read_json(request, edge_of(request).pace)
    url = _text(body, "callbackURL", "url")
    if not url:
        raise Malformed("json", "callbackURL, where the events are to be sent, is missing")
    draft = Draft(
        url,
        _events(body) or (EventType.RECORD_CREATED,),
        _text(body, "name"),
        _text(body, "description"),
        _text(body, "databaseId"),
        _text(body, "secret"),
    )
    made = await webhooks.register(_desk(request), actor, _space(request), draft)
    return answer({**shown(made), **({"secret": made.secret} if made.secret else {})})


async def list_webhooks(request: Request, actor: Actor) -> Response:
    """A space's webhooks."""
    found = await webhooks.list_all(_desk(request), actor, _space(request))
    return answer([shown(each) for each in found])


async def get_webhook(request: Request, actor: Actor) -> Response:
    """One webhook."""
    return answer(shown(await webhooks.find(_desk(request), actor, _space(request), _id(request))))


async def update_webhook(request: Request, actor: Actor) -> Response:
    """Another name, description, URL or other events; or told again after it was disabled."""
    body = await read_json(request, edge_of(request).pace)
    changes: dict[str, Any] = {name: _text(body, name) for name in _WORDS if name in body}
    if url := _text(body, "callbackURL", "url"):
        changes["url"] = url
    if events := _events(body):
        changes["events"] = events
    is_enabled = body.get("enabled")
    if is_enabled is not None and not isinstance(is_enabled, bool):
        raise Malformed("json", "enabled is neither true nor false")
    desk, space_id = _desk(request), _space(request)
    return answer(shown(await webhooks.change(desk, actor, space_id, _id(request), is_enabled=is_enabled, **changes)))


async def delete_webhook(request: Request, actor: Actor) -> Response:
    """Tell a URL no more."""
    await webhooks.remove(_desk(request), actor, _space(request), _id(request))
    return answer(data=True)


async def list_deliveries(request: Request, actor: Actor) -> Response:
    """What became of the events that a webhook was to be told of, newest first, behind a cursor."""
    cursor, size = query.decode_cursor(request.query_params.get("offset")), query.page_size(request.query_params)
    found, has_more = await webhooks.list_deliveries(
        _desk(request), actor, _space(request), _id(request), before=cursor.after or None, limit=size
    )
    following = query.Cursor(found[-1].number, cursor.seen + size).encode() if has_more else None
    page = {"deliveries": [delivered(each) for each in found], "hasMore": has_more}
    return answer({**page, **({"offset": following} if following else {})})


async def replay_delivery(request: Request, actor: Actor) -> Response:
    """Send one message again, under the same id."""
    delivery_id = str(request.path_params["delivery_id"])
    found = await webhooks.replay(_desk(request), actor, _space(request), _id(request), delivery_id)
    return answer(delivered(found))


def shown(found: Shown) -> dict[str, Any]:
    """A webhook as its space's editors see it: never with its secret."""
    webhook, node = found.webhook, found.node
    about = {"databaseId": webhook.database_id} if webhook.database_id else {}
    there = {"node": {"id": node.id, "name": node.name, "type": node.type.value}} if node else {}
    return {
        "id": webhook.id,
        "eventType": webhook.events[0].value,
        "events": [event.value for event in webhook.events],
        "name": webhook.name,
        "description": webhook.description,
        "callbackURL": webhook.url,
        **about,
        **there,
        "enabled": webhook.is_enabled,
        "failingSince": None if webhook.failing_since is None else iso(webhook.failing_since),
        "disabledAt": None if webhook.disabled_at is None else iso(webhook.disabled_at),
        "disabledReason": webhook.disabled_for or None,
        "createdAt": iso(webhook.created_at),
    }


def delivered(delivery: Delivery) -> dict[str, Any]:
    """One delivery, with every try."""
    is_waiting = delivery.state.value == "waiting"
    return {
        "id": delivery.id,
        "eventId": delivery.event_id,
        "eventType": delivery.event_type.value,
        "state": delivery.state.value.upper(),
        "createdAt": iso(delivery.created_at),
        "nextTryAt": iso(delivery.due_at) if is_waiting else None,
        "tries": [_tried(each) for each in delivery.tries],
    }


def _tried(each: Try) -> dict[str, Any]:
    return {
        "at": iso(each.at),
        "milliseconds": each.milliseconds,
        "status": each.status or None,
        "error": each.error or None,
        "response": each.response,
    }


def _events(body: dict[str, Any]) -> tuple[EventType, ...]:
    """The documented ``eventType``, else ``events``; none where neither says anything."""
    given = body.get("eventType") or body.get("events") or []
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Malformed("json", "eventType is a text, and events a list of texts")
    known = {event.value: event for event in EventType}
    for name in names:
        if name not in known:
            raise ChoiceRefused("eventType", name[:_SHOWN], tuple(known))
    return tuple(dict.fromkeys(known[name] for name in names))


def _text(body: dict[str, Any], *names: str) -> str:
    """The first of these keys that is there, and is not null; ``""`` when none is."""
    for name in names:
        value = body.get(name)
        if value is not None:
            if not isinstance(value, str):
                raise Malformed("json", f"{name} is a text")
            most = _WORDS.get(name)
            if (most is not None and len(value) > most) or "\0" in value:
                raise Malformed("json", f"{name} has at most {most} characters, and no NUL")
            return value
    return ""


def _desk(request: Request) -> Desk:
    desk = edge_of(request).webhooks
    if desk is None:
        raise Missing("webhooks")
    return desk


def _space(request: Request) -> str:
    return str(request.path_params["space_id"])


def _id(request: Request) -> str:
    return str(request.path_params["webhook_id"])
