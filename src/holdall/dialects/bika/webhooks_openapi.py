"""What Bika's dialect says of its webhooks in OpenAPI: schemas, examples, and one row for each call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from holdall.dialects.bika import failures
from holdall.dialects.bika import samples as sample
from holdall.dialects.bika.webhooks import MAX_DESCRIPTION, MAX_NAME, delivered, shown
from holdall.domain.records import Node, NodeType
from holdall.domain.webhooks import MAX_SECRET_LENGTH, MAX_WEBHOOKS, Delivery, DeliveryState, EventType, Try, Webhook
from holdall.errors import ChoiceRefused, Conflict, Forbidden, Malformed, Missing
from holdall.flows.webhooks import Shown
from holdall.web import openapi
from holdall.web.openapi import EXTENSION, Failures, Json, list_of, object_of, ref, text, whole

WEBHOOK_ID = "owhK3mW9sT1xYb7Qd5Lr2Zc8"
DELIVERY_ID = "dlvT4kW8rQ1xYb7Vd5Lr2Zc9"
_EVENT_ID = "evtP2nX6sT3cYd8Qf5Mr1Za7"
_NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  the one of the standard's own example
_NODE = Node(2, sample.DATABASE_ID, 1, None, NodeType.DATABASE, "Items")
_WEBHOOK = Webhook(
    1,
    WEBHOOK_ID,
    1,
    "to-ledger",
    "",
    "https://hooks.example.org/in",
    (EventType.RECORD_CREATED,),
    sample.DATABASE_ID,
    "",
    has_own_secret=False,
    created_at=_NOW,
)
_DELIVERY = Delivery(
    1,
    DELIVERY_ID,
    _EVENT_ID,
    EventType.RECORD_CREATED,
    DeliveryState.DELIVERED,
    1,
    [Try(_NOW, 87, 200, "", "ok")],
    0,
    _NOW,
    _NOW,
)
_EVENTS = [event.value for event in EventType]
_TIME: Json = {"type": ["string", "null"], "format": "date-time"}
_WORDS: Mapping[str, Json] = {
    "name": text("To be shown; the URL's host, where there is none.", maxLength=MAX_NAME),
    "description": text(maxLength=MAX_DESCRIPTION),
    "callbackURL": text("http or https, to a public address.", format="uri"),
    "url": text("As `callbackURL`, which outweighs it."),
    "eventType": text(enum=_EVENTS, default=EventType.RECORD_CREATED.value),
    "events": list_of(text(enum=_EVENTS), f"Several of them. {EXTENSION}"),
}
_WEBHOOK_SCHEMA = object_of(
    {
        "id": text(),
        "eventType": text("The first of `events`.", enum=_EVENTS),
        "events": list_of(text(enum=_EVENTS), EXTENSION),
        "name": text(),
        "description": text(),
        "callbackURL": text(),
        "databaseId": text("Where it is about one database."),
        "node": object_of({"id": text(), "name": text(), "type": text()}),
        "enabled": {"type": "boolean"},
        "failingSince": {**_TIME, "description": "Nothing was taken since then."},
        "disabledAt": _TIME,
        "disabledReason": {"type": ["string", "null"]},
        "createdAt": text(format="date-time"),
        "secret": text("What messages are signed with. In the answer to the registration alone, if none was brought."),
    },
    optional=["databaseId", "node", "secret"],
)
_TRY = object_of(
    {
        "at": text(format="date-time"),
        "milliseconds": whole(),
        "status": {"type": ["integer", "null"], "description": "Of the HTTP answer."},
        "error": {"type": ["string", "null"], "description": "Why there was none."},
        "response": text("How its body began."),
    }
)
_DELIVERY_SCHEMA = object_of(
    {
        "id": text(),
        "eventId": text("The `webhook-id` that it is sent under."),
        "eventType": text(enum=_EVENTS),
        "state": text(enum=[state.value.upper() for state in DeliveryState]),
        "createdAt": text(format="date-time"),
        "nextTryAt": _TIME,
        "tries": list_of(_TRY),
    }
)
SCHEMAS: dict[str, Json] = {"BikaWebhook": _WEBHOOK_SCHEMA, "BikaDelivery": _DELIVERY_SCHEMA}

NOT_EDITOR: Failures = {"a member who is neither owner nor editor of the space": Forbidden("editor")}
_REGISTERING: Failures = {
    **failures.READING,
    "a callbackURL that nothing is sent to": Malformed(
        "json", "nothing is sent to this callbackURL: it leads to ::1, which is no public address and not allowed here"
    ),
    "an eventType that there is not": ChoiceRefused("eventType", "ON_MOON", tuple(_EVENTS)),
}
_WEBHOOK_MISSING: Failures = {"no such webhook in this space": Missing("webhook", WEBHOOK_ID)}


@dataclass(frozen=True, slots=True)
class Call:
    """One call, below the path of a space's webhooks."""

    method: str
    path: str
    id: str
    summary: str
    told: str
    data: Json
    example: Any
    description: str = EXTENSION
    failures: Failures = field(default_factory=dict)
    body: Json | None = None
    is_paged: bool = False


_SHOWN = shown(Shown(_WEBHOOK, _NODE))
_ONE, _ONE_PATH = ref("BikaWebhook"), "/{webhook_id}"
CALLS = (
    Call(
        "GET",
        "",
        "ListWebhooks",
        "List a space's webhooks",
        "Oldest first.",
        list_of(_ONE),
        [_SHOWN],
        "For owners and editors of the space.",
    ),
    Call(
        "POST",
        "",
        "CreateWebhook",
        "Register a webhook",
        "The webhook.",
        _ONE,
        {**_SHOWN, "secret": _SECRET},
        "What is told, how it is signed and how often it is tried: docs/reference/webhooks.md.",
        {
            **_REGISTERING,
            "a database that the space does not have": Missing("database", sample.DATABASE_ID),
            "too many webhooks": Conflict(f"a space has {MAX_WEBHOOKS} webhooks at most"),
        },
        openapi.json_body(
            object_of(
                {
                    **_WORDS,
                    "databaseId": text("Only of what happens in this database."),
                    "secret": text("To sign with; one is made where there is none.", maxLength=MAX_SECRET_LENGTH),
                },
                optional=[*_WORDS, "databaseId", "secret"],
            ),
            "In either spelling: `callbackURL` and `eventType`, or `url` and `events`.",
            {
                "as Bika documents it": {
                    "eventType": EventType.RECORD_CREATED.value,
                    "name": "to-ledger",
                    "callbackURL": _WEBHOOK.url,
                    "databaseId": sample.DATABASE_ID,
                },
                "as others write it": {"name": "to-ledger", "url": _WEBHOOK.url, "events": _EVENTS[:2]},
            },
        ),
    ),
    Call("GET", _ONE_PATH, "GetWebhook", "Look at a webhook", "The webhook.", _ONE, _SHOWN, failures=_WEBHOOK_MISSING),
    Call(
        "PATCH",
        _ONE_PATH,
        "UpdateWebhook",
        "Change a webhook, or enable it again",
        "The webhook.",
        _ONE,
        _SHOWN,
        failures={**_REGISTERING, **_WEBHOOK_MISSING},
        body=openapi.json_body(
            object_of({**_WORDS, "enabled": {"type": "boolean"}}, optional=[*_WORDS, "enabled"]),
            "What is not named stays.",
            {"enable it again": {"enabled": True}},
        ),
    ),
    Call(
        "DELETE",
        _ONE_PATH,
        "DeleteWebhook",
        "Let a webhook go",
        "It is gone, with the log of its deliveries.",
        {"const": True},
        True,
        "What waited is not told.",
        _WEBHOOK_MISSING,
    ),
    Call(
        "GET",
        _ONE_PATH + "/deliveries",
        "ListDeliveries",
        "List what became of a webhook's events",
        "A page, newest first.",
        object_of(
            {"deliveries": list_of(ref("BikaDelivery")), "hasMore": {"type": "boolean"}, "offset": text()},
            optional=["offset"],
        ),
        {"deliveries": [delivered(_DELIVERY)], "hasMore": False},
        failures=_WEBHOOK_MISSING,
        is_paged=True,
    ),
    Call(
        "POST",
        _ONE_PATH + "/deliveries/{delivery_id}/replay",
        "ReplayDelivery",
        "Send a message again",
        "The delivery, which waits once more.",
        ref("BikaDelivery"),
        delivered(_DELIVERY),
        f"Under the same `webhook-id`. {EXTENSION}",
        {
            **_WEBHOOK_MISSING,
            "no such delivery to this webhook": Missing("delivery", DELIVERY_ID),
            "a webhook that is disabled": Conflict("the webhook is disabled; enable it first"),
        },
    ),
)
